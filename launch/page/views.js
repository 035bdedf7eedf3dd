"use strict";

// What each task asks for and how its answers look. Elements are made by page.js, of nodes and text alone.

const MOST_BARS = 5; // labels shown of a model, the likeliest

// fields: of a request, with the id of their element, the words beside it and the complaint where it is needed and blank;
// heading, text: what stands above the answers; said: an answer in the table; score: its probability; log: for listeners.
const VIEWS = {
  extractive_qa: {
    fields: [
      { name: "context", id: "context", label: "context", needed: "needsContext" },
      { name: "question", id: "question", label: "question", needed: "needsQuestion" },
    ],
    heading: (request) => request.question,
    text: (request, result) => marked(request.context, result),
    said: (result) => {
      if (!result.answer) return aside(words().none);
      return result.start < 0 ? words().unlocated(result.answer) : result.answer;
    },
    score: (result) => result.score,
    examples: {
      en: ["Who built the lighthouse?", "Since when has the lamp been electric?", "How many boats are kept?"].map(
        (question) => ({
          called: question,
          question,
          context:
            "The lighthouse on Heron Island was built in 1874 by the engineer Clara Whitfield. Its lamp first burned " +
            "whale oil and has been electric since 1931. Today the tower belongs to a school of sailing, which keeps " +
            "twelve boats in the old harbour.",
        }),
      ),
      ru: [
        "Где родилась Виктория Сидорова?",
        "В каком году Виктория Сидорова получила диплом?",
        "Кем работает Виктория Сидорова?",
      ].map((question) => ({
        called: question,
        question,
        context:
          "Виктория Сидорова родилась в Ярославле. Диплом она получила в 2001 году. Виктория работает реставратором.",
      })),
    },
  },
  classification: {
    fields: [
      { name: "text", id: "single", label: "single", needed: "needsSingle" },
      { name: "text_pair", id: "second", label: "second" },
    ],
    heading: () => "",
    text: (request) => [request.text_pair ? `${request.text}\n\n${request.text_pair}` : request.text],
    said: (result) => {
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
    score: (result) => Math.max(...Object.values(result.probabilities)),
    log: (result) => result.labels.join(", ") || words().noLabel,
    examples: {
      en: [
        "Hello! Where is my order? I do not need a discount.",
        "My card was charged twice. The delivery was fine.",
      ].map((text) => ({ called: text, text })),
      ru: [
        "Добрый день! Подскажите, пожалуйста, про доставку дивана. Про промокод мне уже ответили.",
        "Нужна помощь насчёт пароля от кабинета. Вопрос насчёт возврата чайника уже решён.",
      ].map((text) => ({ called: text, text })),
    },
  },
  tagging: {
    fields: [{ name: "text", id: "tagged", label: "tagged", needed: "needsTagged" }],
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
    examples: {
      en: ["Clara Whitfield moved from Dover to Heron Island in 1874.", "Boris works at Spartak in Tver."].map((text) => ({
        called: text,
        text,
      })),
      ru: [
        "Анна Жукова переезжает из Омска в Калугу.",
        "12 мая завод «Вектор» подпишет договор с клубом «Киров».",
        "Киров готовится к зиме, рассказывает Киров.",
      ].map((text) => ({ called: text, text })),
    },
  },
};

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
