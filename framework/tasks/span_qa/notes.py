"""What may be done to questions before they become examples."""

from framework.data.notes import Note

NOTES = {
    "blank": Note("left out, as context or question is blank", dropped=True),
    "impossible": Note("left out, as they are marked impossible and task.unanswerable is false", dropped=True),
    "absent": Note("left out, as none of their answers occurs in the context", dropped=True),
    "repaired": Note("with an answer that was moved to where it occurs, or left out"),
    "nearest": Note("with an answer that was moved to the nearest of several places where it occurs"),
    "respelled": Note(
        "with an answer in the context's spelling, which differs in case, spaces, accents, signs or HTML"
    ),
    "utf16": Note("with offsets that count UTF-16 units, as all of the source's do"),
    "utf8": Note("with offsets that count UTF-8 bytes, as all of the source's do"),
    "crlf": Note("with offsets that count CRLF as one character, as all of the source's do"),
    "bom": Note("with offsets that leave out the context's byte-order mark, as all of the source's do"),
    "repeated": Note("written more than once, taken once", dropped=True),
    "joined": Note("written in several rows with an answer each, which were joined"),
    "empty": Note("unlabelled, as their list of answers is empty and task.unanswerable is false"),
    "first_of_several": Note("labelled where their answer, which has no offset, occurs first of several times"),
}
