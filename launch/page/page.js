"use strict";

const WORDS = {
  en: {
    language: "Language",
    context: "Text",
    question: "Question",
    ask: "Ask",
    hint: "Ctrl+Enter asks from either field.",
    examples: "Or try an example",
    answers: "Answers",
    marked: "The text with the answer marked",
    marking: (model) => `[answer of ${model}:] `,
    model: "Model",
    answer: "Answer",
    score: "Score",
    milliseconds: "Time, ms",
    waiting: "waiting…",
    none: "no answer in the text",
    unlocated: (answer) => `${answer} (not in the text)`,
    figures: "Score: probability among the candidates. Metrics: as the run measured them.",
    said: (model, answer) => `${model}: ${answer}.`,
    role: { teacher: "teacher", ensemble: "ensemble", baseline: "baseline", student: "student", model: "" },
    needsContext: "Give a text: it is what answers are looked for in.",
    needsQuestion: "Give a question.",
    tooLong: (field, most) => `${field}: more than ${most} characters; give fewer.`,
    unreachable: "The server does not answer; see whether `distil serve` still runs.",
  },
  ru: {
    language: "Язык",
    context: "Текст",
    question: "Вопрос",
    ask: "Спросить",
    hint: "Ctrl+Enter в любом поле — спросить.",
    examples: "Или возьмите пример",
    answers: "Ответы",
    marked: "Текст с выделенным ответом",
    marking: (model) => `[ответ модели ${model}:] `,
    model: "Модель",
    answer: "Ответ",
    score: "Оценка",
    milliseconds: "Время, мс",
    waiting: "ждём…",
    none: "в тексте нет ответа",
    unlocated: (answer) => `${answer} (этого нет в тексте)`,
    figures: "Оценка — вероятность среди кандидатов. Метрики — по измерениям самого прогона.",
    said: (model, answer) => `${model}: ${answer}.`,
    role: { teacher: "учитель", ensemble: "ансамбль", baseline: "базовая модель", student: "ученик", model: "" },
    needsContext: "Введите текст, в котором искать ответ.",
    needsQuestion: "Введите вопрос.",
    tooLong: (field, most) => `${field}: больше ${most} символов; введите меньше.`,
    unreachable: "Сервер не отвечает; проверьте, работает ли `distil serve`.",
  },
};

const EXAMPLES = {
  en: {
    context:
      "The lighthouse on Heron Island was built in 1874 by the engineer Clara Whitfield. Its lamp first burned " +
      "whale oil and has been electric since 1931. Today the tower belongs to a school of sailing, which keeps " +
      "twelve boats in the old harbour.",
    questions: ["Who built the lighthouse?", "Since when has the lamp been electric?", "How many boats are kept?"],
  },
  ru: {
    context:
      "Виктория Сидорова родилась в Ярославле. Диплом она получила в 2001 году. Виктория работает реставратором.",
    questions: [
      "Где родилась Виктория Сидорова?",
      "В каком году Виктория Сидорова получила диплом?",
      "Кем работает Виктория Сидорова?",
    ],
  },
};

const $ = (id) => document.getElementById(id);
const [form, context, question, problem] = ["form", "context", "question", "problem"].map($);

let language = storedLanguage() || (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en");
let served = null; // what /api/models says
let asked = null; // {question, context, results by model}
let asking = new AbortController();
let complaint = null; // a function, so that it can be said in another language

const words = () => WORDS[language];

function storedLanguage() {
  try {
    const stored = localStorage.getItem("language");
    return stored !== null && Object.hasOwn(WORDS, stored) ? stored : null;
  } catch {
    return null; // storage is switched off
  }
}

function choose(chosen) {
  language = chosen;
  try {
    localStorage.setItem("language", chosen);
  } catch {
    // It is not remembered, then.
  }
  show();
}

// Elements are made of nodes and text alone: nothing that anyone wrote is read as HTML.
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function show() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = words()[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words()[node.dataset.label]);
  }
  for (const node of document.querySelectorAll("[data-language]")) {
    node.setAttribute("aria-pressed", String(node.dataset.language === language));
  }
  problem.textContent = complaint ? complaint() : "";
  showExamples();
  showAnswers();
}

function showExamples() {
  const example = EXAMPLES[language];
  const buttons = example.questions.map((text) => {
    const button = element("button", { type: "button", className: "quiet" }, text);
    button.addEventListener("click", () => {
      context.value = example.context;
      question.value = text;
      ask();
    });
    return element("li", {}, button);
  });
  $("example-questions").replaceChildren(...buttons);
}

function showAnswers() {
  $("answers").hidden = !asked;
  if (!asked) return;
  $("asked").textContent = asked.question;
  showText();
  showRows();
}

function showText() {
  $("text").replaceChildren(...marked(asked.context, asked.results[served.default]));
  const mark = $("text").querySelector("mark");
  $("text").scrollTop = mark ? mark.offsetTop - $("text").clientHeight / 2 : 0;
}

function showRows() {
  $("rows").replaceChildren(...inOrder().map(row));
}

function inOrder() {
  const first = served.models.filter((model) => model.name === served.default);
  return [...first, ...served.models.filter((model) => model.name !== served.default)];
}

// Places count code points; JavaScript's strings count UTF-16 units.
function marked(text, result) {
  if (!result || result.problem || result.start < 0 || result.start === result.end) return [text];
  const points = Array.from(text);
  const part = (...range) => points.slice(...range).join("");
  const label = element("span", { className: "visually-hidden" }, words().marking(result.model));
  return [part(0, result.start), label, element("mark", {}, part(result.start, result.end)), part(result.end)];
}

function row(model) {
  const result = asked.results[model.name];
  const figures = [words().role[model.role]];
  if (model.parameters !== null) figures.push(size(model.parameters));
  for (const one of model.metrics) figures.push(`${one.label} ${one.percent ? `${number(one.value, 1)} %` : significant(one.value, 4)}`);
  const notes = element("span", { className: "role" }, figures.filter(Boolean).join(" · "));
  const known = result && !result.problem;
  const cells = [
    element("th", { scope: "row", role: "rowheader" }, model.name, notes),
    element("td", { role: "cell" }, said(result)),
    figure("score", known ? number(result.score, 4) : ""),
    figure("milliseconds", known ? number(result.milliseconds, 1) : ""),
  ];
  return element("tr", { role: "row", className: model.name === served.default ? "first" : "" }, ...cells);
}

function figure(column, shown) {
  const cell = element("td", { role: "cell", className: "number" }, shown);
  cell.dataset.column = words()[column]; // said in the cell where a narrow screen has no room for a heading
  return cell;
}

function said(result) {
  const aside = (text, properties) => element("span", { className: "aside", ...properties }, text);
  if (!result) return aside(words().waiting);
  if (result.problem) return aside(result.problem(), { lang: result.lang || language });
  if (!result.answer) return aside(words().none);
  return result.start < 0 ? words().unlocated(result.answer) : result.answer;
}

function number(value, digits) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function size(parameters) {
  return new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 }).format(parameters);
}

function significant(value, digits) {
  return value.toLocaleString(language, { maximumSignificantDigits: digits });
}

function complain(message, field) {
  complaint = message;
  problem.textContent = message ? message() : "";
  for (const each of [context, question]) each.setAttribute("aria-invalid", String(each === field));
  if (field) field.focus();
}

// A message and the field that cannot be sent; false if both can.
function wrong() {
  if (!context.value.trim()) return [() => words().needsContext, context];
  if (!question.value.trim()) return [() => words().needsQuestion, question];
  return tooLong(context, "context", served.most.context) || tooLong(question, "question", served.most.question);
}

function tooLong(field, name, most) {
  return Array.from(field.value).length > most && [() => words().tooLong(words()[name], number(most, 0)), field];
}

async function ask() {
  if (!served && !(await load())) return;
  const found = wrong();
  complain(...(found || [null]));
  if (found) return;
  asking.abort();
  asking = new AbortController();
  asked = { question: question.value, context: context.value, results: {} };
  $("said").replaceChildren();
  showAnswers();
  for (const model of inOrder()) askOne(model, asking.signal);
}

async function askOne(model, signal) {
  const result = await answerOf(model, signal);
  if (signal.aborted) return; // something else is asked by now
  asked.results[model.name] = result;
  showRows();
  if (model.name === served.default) showText();
  const shown = said(result);
  const answer = typeof shown === "string" ? shown : shown.textContent;
  $("said").append(element("p", {}, words().said(model.name, answer)));
}

async function answerOf(model, signal) {
  if (model.problem) return { problem: () => model.problem, lang: "en" };
  const body = JSON.stringify({ question: asked.question, context: asked.context, model: model.name });
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("/api/answer", { method: "POST", headers, body, signal });
    const found = await response.json();
    return response.ok ? found : { problem: () => found.message, lang: "en" };
  } catch {
    return { problem: () => words().unreachable };
  }
}

async function load() {
  try {
    const response = await fetch("/api/models");
    const body = await response.json();
    if (!response.ok) throw new Error(body.message);
    served = body;
    $("run").textContent = served.run;
    return true;
  } catch {
    complain(() => words().unreachable);
    return false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => choose(button.dataset.language));
}

show();
load();
