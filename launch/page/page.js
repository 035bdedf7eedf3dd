"use strict";

const $ = (id) => document.getElementById(id);
const [form, problem] = ["form", "problem"].map($);

let language = storedLanguage() || (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en");
let served = null; // what /api/models says
let loading = null; // the promise of it
let examples = []; // requests, of the run's own data
let asked = null; // {request, results by model}
let asking = new AbortController();
let complaint = null; // a function, so that it can be said in another language

const MOST_CALLED = 120; // characters of an example on its button

const words = () => WORDS[language];
const task = () => served && (Object.hasOwn(VIEWS, served.task) ? served.task : "own"); // null until the server has said it
const view = () => VIEWS[task()];
const worded = (text) => (typeof text === "function" ? text() : words()[text]);

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
  for (const node of document.querySelectorAll("[data-task]")) node.hidden = node.dataset.task !== task();
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = node.closest("[hidden]") && node.tagName === "LABEL" ? "" : words()[node.dataset.text];
  }
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words()[node.dataset.label]);
  }
  for (const node of document.querySelectorAll("[data-language]")) {
    node.setAttribute("aria-pressed", String(node.dataset.language === language));
  }
  $("score").textContent = words().scores[task()] ?? "";
  problem.textContent = complaint ? complaint() : "";
  showExamples();
  showAnswers();
}

function showExamples() {
  $("examples").hidden = !examples.length;
  const pairs = !examples.length || examples.some((request) => request.text_pair);
  for (const node of [$("second"), document.querySelector("label[for=second]")]) node.hidden = !pairs;
  const buttons = examples.map((request) => {
    const button = element("button", { type: "button", className: "quiet", dir: "auto" }, short(view().called(request)));
    button.addEventListener("click", () => {
      for (const field of view().fields) $(field.id).value = request[field.name] || "";
      ask();
    });
    return element("li", {}, button);
  });
  $("example-questions").replaceChildren(...buttons);
}

function short(text) {
  const points = Array.from(text);
  return points.length <= MOST_CALLED ? text : `${points.slice(0, MOST_CALLED).join("")}…`;
}

async function loadExamples() {
  try {
    const response = await fetch("/api/examples");
    examples = response.ok ? await response.json() : [];
  } catch {
    examples = []; // one asks without them
  }
  showExamples();
}

function showAnswers() {
  $("answers").hidden = !asked;
  if (!asked) return;
  $("asked").textContent = view().heading(asked.request);
  showText();
  showRows();
}

function showText() {
  $("text").replaceChildren(...view().text(asked.request, asked.results[served.default]));
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

function row(model) {
  const result = asked.results[model.name];
  const figures = [words().role[model.role]];
  if (model.parameters !== null) figures.push(size(model.parameters));
  for (const one of model.metrics) figures.push(`${one.label}\u00a0${one.percent ? `${number(one.value, 1)}\u00a0%` : significant(one.value, 4)}`);
  const notes = element("span", { className: "role" }, figures.filter(Boolean).join(" · "));
  const known = result && !result.problem && result.milliseconds !== undefined;
  const cells = [
    element("th", { scope: "row", role: "rowheader" }, model.name, notes),
    element("td", { role: "cell" }, said(result)),
    figure("score", known ? figureOf(view().score(result)) : ""),
    figure("milliseconds", known ? number(result.milliseconds, 1) : ""),
  ];
  return element("tr", { role: "row", className: model.name === served.default ? "first" : "" }, ...cells);
}

function figureOf(score) {
  return score === null ? "–" : number(score, 4);
}

function figure(column, shown) {
  const cell = element("td", { role: "cell", className: "number" }, shown);
  cell.dataset.column = words()[column]; // said in the cell where a narrow screen has no room for a heading
  return cell;
}

function said(result) {
  if (!result) return aside(words().waiting);
  if (result.problem) return aside(result.problem(), { lang: result.lang || language });
  return view().said(result);
}

function aside(text, properties) {
  return element("span", { className: "aside", ...properties }, text);
}

function number(value, digits) {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function significant(value, digits) {
  return value.toLocaleString(language, { maximumSignificantDigits: digits });
}

function size(parameters) {
  return new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 }).format(parameters);
}

function complain(message, field) {
  complaint = message;
  problem.textContent = message ? message() : "";
  for (const { id } of served ? view().fields : []) $(id).setAttribute("aria-invalid", String($(id) === field));
  if (field) field.focus();
}

// A message and the field that cannot be sent; undefined if all can.
function wrong() {
  const wrongs = view().fields.map(({ name, id, label, needed }) => {
    if (needed && !$(id).value.trim()) return [() => worded(needed), $(id)];
    const most = served.most[name];
    return Array.from($(id).value).length > most && [() => words().tooLong(worded(label), number(most, 0)), $(id)];
  });
  return wrongs.find(Boolean);
}

function request() {
  const filled = view().fields.filter(({ id, needed }) => needed || $(id).value.trim());
  return Object.fromEntries(filled.map(({ name, id }) => [name, $(id).value]));
}

async function ask() {
  if (!served && !(await load())) return;
  const found = wrong();
  complain(...(found || [null]));
  if (found) return;
  asking.abort();
  asking = new AbortController();
  asked = { request: request(), results: {} };
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
  const heard = !result.problem && view().log ? view().log(result) : shown;
  const answer = typeof heard === "string" ? heard : heard.textContent;
  $("said").append(element("p", {}, words().said(model.name, answer)));
}

async function answerOf(model, signal) {
  if (model.problem) return { problem: () => model.problem, lang: "en" };
  const body = JSON.stringify({ ...asked.request, model: model.name });
  try {
    const headers = { "Content-Type": "application/json" };
    const path = view().streams ? "/api/stream" : "/api/answer";
    const response = await fetch(path, { method: "POST", headers, body, signal });
    const found = response.ok && view().streams ? await streamed(response, model, signal) : await response.json();
    return response.ok && !found.message ? found : { problem: () => found.message, lang: "en" };
  } catch {
    return { problem: () => words().unreachable };
  }
}

// The last of the server's events; what it writes before is shown as it comes.
async function streamed(response, model, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  let text = "";
  let last = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return last;
    const events = (unread + value).split("\n\n");
    unread = events.pop();
    for (const event of events) {
      last = JSON.parse(event.slice("data: ".length));
      text += last.piece ?? "";
    }
    if (last.piece === undefined || signal.aborted) continue;
    asked.results[model.name] = { text };
    showRows();
  }
}

// True once it is known what is served; one request at a time.
function load() {
  loading ??= learnModels().finally(() => (loading = null));
  return loading;
}

async function learnModels() {
  try {
    const response = await fetch("/api/models");
    const body = await response.json();
    if (!response.ok) throw new Error(body.message);
    served = body;
    if (task() === "own") askFor(served.fields);
    $("run").textContent = served.run;
    show();
    loadExamples();
    return true;
  } catch {
    complain(() => words().unreachable);
    return false;
  }
}

// What a task asks for that this page has no view of, such as one of the user's own.
function askFor(fields) {
  view().fields = fields.map(({ name, required }) => ({
    name,
    id: `own-${name}`,
    label: () => name,
    needed: required && (() => words().needsField(name)),
  }));
  const controls = fields.map(({ name, description }) => {
    const id = `own-${name}`;
    const about = element("p", { id: `${id}-about`, className: "hint" }, description);
    const control = element("textarea", { id, rows: 3, spellcheck: false });
    control.setAttribute("aria-describedby", `${about.id} problem`);
    return [element("label", { htmlFor: id }, name), about, control];
  });
  $("own").replaceChildren(...controls.flat());
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
