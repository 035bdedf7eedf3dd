"use strict";

// What each task asks for and how its answers look; `own` is any other. Elements are made by page.js, of nodes and text alone.

const MOST_BARS = 5; // labels shown of a model, the likeliest

// fields: of a request, with the id of their element, the words beside it and the complaint where it is needed and blank (names of words, or functions);
// streams: whether answers are texts that grow; heading, text: what stands above the answers; said: an answer in the table; score: its probability; called: an example; log: for
// listeners.
const VIEWS = {
  extractive_qa: {
    fields: [
      { name: "context", id: "context", label: "context", needed: "needsContext" },
      { name: "question", id: "question", label: "question", needed: "needsQuestion" },
    ],
    called: (request) => request.question,
    heading: (request) => request.question,
    text: (request, result) => marked(request.context, result),
    said: (result) => {
      if (!result.answer) return aside(words().none);
      return result.start < 0 ? words().unlocated(result.answer) : result.answer;
    },
    score: (result) => result.score,
  },
  classification: {
    fields: [
      { name: "text", id: "single", label: "single", needed: "needsSingle" },
      { name: "text_pair", id: "second", label: "second" },
    ],
    called: (request) => [request.text, request.text_pair].filter(Boolean).join(" / "),
    heading: () => "",
    text: (request) => [request.text_pair ? `${request.text}\n\n${request.text_pair}` : request.text],
    said: (result) => {
      if (!result.probabilities) return significant(result.value, 4);
      const labels = Object.entries(result.probabilities);
      const rest = labels.length - MOST_BARS;
      return element(
        "div",
        {},
        element("strong", {}, result.labels.join(", ") || words().noLabel),
        ...labels.slice(0, MOST_BARS).map(([label, share]) => bar(label, share)),
        ...(rest > 0 ? [aside(words().others(rest))] : []),
      );
    },
    score: (result) => (result.probabilities ? Math.max(...Object.values(result.probabilities)) : null),
    log: (result) => (result.labels ? result.labels.join(", ") || words().noLabel : significant(result.value, 4)),
  },
  text: {
    fields: [{ name: "prompt", id: "prompt", label: "prompt", needed: "needsPrompt" }],
    streams: true,
    called: (request) => request.prompt,
    heading: () => "",
    text: (request) => [request.prompt],
    said: (result) => {
      const shown = element("span", { className: "written" }, result.text);
      if (result.milliseconds === undefined || result.ended) return shown;
      return element("div", {}, shown, aside(words().cutOff(number(result.tokens, 0))));
    },
    score: (result) => (result.log_probability === null ? null : Math.exp(result.log_probability / result.tokens)),
    log: (result) => result.text,
  },
  tagging: {
    fields: [{ name: "text", id: "tagged", label: "tagged", needed: "needsTagged" }],
    called: (request) => request.text,
    heading: () => "",
    text: (request, result) => markedParts(request.text, result && !result.problem ? parts(result) : []),
    said: (result) => {
      const found = parts(result).map((part) => element("li", {}, `${part.text} `, type(part.type)));
      return found.length ? element("ul", { className: "parts" }, ...found) : aside(words().noEntity);
    },
    score: (result) => {
      const found = parts(result).map((part) => part.score);
      return found.length ? Math.min(...found) : null;
    },
    log: (result) => parts(result).map((part) => `${part.text}: ${part.type}`).join("; ") || words().noEntity,
  },
  own: {
    fields: [], // those of the task, once they are known
    called: (request) => Object.values(request).join(" / "),
    heading: () => "",
    text: (request) => [Object.entries(request).map(([name, text]) => `${name}: ${text}`).join("\n")],
    said: (result) => element("ul", { className: "parts" }, ...listed(result).map((line) => element("li", {}, line))),
    score: (result) => (typeof result.score === "number" ? result.score : null),
    log: (result) => listed(result).join("; "),
  },
};

// A line for each part of an answer, without what the server adds.
function listed({ model, milliseconds, ...found }) {
  return Object.entries(found).map(([name, value]) => `${name}: ${plainly(value)}`);
}

// Values of an answer as text: whole numbers whole, what is no plain value as JSON.
function plainly(value) {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : significant(value, 4);
  return typeof value === "string" ? value : JSON.stringify(value);
}

// Entities, or words with their tags, by one name.
function parts(result) {
  return result.entities || result.units.map(({ tag, ...unit }) => ({ ...unit, type: tag }));
}

function markedParts(text, found) {
  const points = Array.from(text);
  const pieces = [];
  let at = 0;
  for (const { start, end, type: name } of found) {
    pieces.push(points.slice(at, start).join(""), element("mark", {}, points.slice(start, end).join(""), type(name)));
    at = end;
  }
  return [...pieces, points.slice(at).join("")];
}

function type(name) {
  return element("span", { className: "type" }, name || "_");
}

// Places count code points; JavaScript's strings count UTF-16 units.
function marked(text, result) {
  if (!result || result.problem || result.start < 0 || result.start === result.end) return [text];
  const points = Array.from(text);
  const part = (...range) => points.slice(...range).join("");
  const label = element("span", { className: "visually-hidden" }, words().marking(result.model));
  return [part(0, result.start), label, element("mark", {}, part(result.start, result.end)), part(result.end)];
}

function bar(label, share) {
  const filled = element("span", { className: "filled" });
  filled.style.width = `${100 * share}%`;
  return element(
    "div",
    { className: "bar" },
    element("span", { className: "label" }, label),
    element("span", { className: "track", ariaHidden: "true" }, filled),
    element("span", { className: "share" }, number(share, 3)),
  );
}
