// The page on which a consumer sends the documents that an attempt asks for. What has come of them is the server's to say:
// the page keeps nothing, so that a reload goes on where the server is.

import * as net from "./net.js";
import { judge, read } from "./file.js";
import { countries } from "./countries.js";

const languages = { en: "English", es: "Español" };
const main = document.getElementById("main");
const said = document.getElementById("said");

let texts = {};
let language = "en";
let state; // the server's newest answer
let end; // what is shown instead of documents: the texts' prefix, once there is nothing (more) to do
const drafts = new Map(); // by document_id: what was chosen here and is not sent yet
const cards = new Map(); // by document_id: the element that shows it, and what it was made of

// ---- Words ---------------------------------------------------------------------------------------------------------

// t returns a text with its places filled.
function t(name, values = {}) {
  const all = { brand: state?.brand_name || "", bank: state?.bank || "", first_name: state?.first_name || "", ...values };
  return (texts[name] ?? name).replace(/\{(\w+)\}/g, (_, place) => all[place] ?? "");
}

const nameOf = (doc) => t(`type_${doc.document_type}`);
const reason = (code) => t(texts[`reason_${code}`] ? `reason_${code}` : "reason_unknown");
const named = (name) => (state?.first_name ? name : `${name}_nameless`);

function sizeOf(bytes) {
  const mega = bytes >= 1e6;
  const n = new Intl.NumberFormat(language).format(mega ? Math.ceil(bytes / 104857.6) / 10 : Math.ceil(bytes / 1024));
  return t(mega ? "size_mb" : "size_kb", { n });
}

// say tells those who listen to the page what has changed on it.
function say(text) {
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = text; });
}

async function speak(wanted) {
  const response = await fetch(new URL(`${wanted}.json`, import.meta.url), { credentials: "omit" });
  texts = await response.json();
  language = wanted;
  document.documentElement.lang = wanted;
  remember("language", wanted);
}

// The browser's own list of languages is what it sends as Accept-Language.
function preferred() {
  const wanted = [recall("language"), ...(navigator.languages ?? [navigator.language])];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((tag) => tag in languages) ?? "en";
}

// What was selected outlives a reload in this tab: telephones reload a page while their camera is open. A browser may
// refuse to store anything.
function remember(name, value) {
  try { sessionStorage.setItem(name, value); } catch { /* then it is forgotten */ }
}

function recall(name) {
  try { return sessionStorage.getItem(name); } catch { return null; }
}

// ---- Elements ------------------------------------------------------------------------------------------------------

// el makes an element. Properties that have a dash or are no property of elements become attributes; nothing is ever
// read as HTML.
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const unseen = (text) => el("span", { className: "unseen" }, text);

// replace puts new content into an element. Who was on something with a key in the old content is on its like in the new.
function replace(element, ...content) {
  const key = element.contains(document.activeElement) && document.activeElement.dataset.key;
  element.replaceChildren(...content);
  if (key) element.querySelector(`[data-key="${key}"]`)?.focus();
}

function key(element, name) {
  element.dataset.key = name;
  return element;
}

// ---- The frame -----------------------------------------------------------------------------------------------------

// onBrand returns black or white, whichever can be read better on a colour: one of them always can, by the formula of
// WCAG 2.2 for contrast.
function onBrand(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

function frame() {
  document.title = state?.brand_name ? `${t("title")} – ${state.brand_name}` : t("title");
  document.getElementById("brand").textContent = state?.brand_name ?? "";
  if (/^#[0-9a-f]{6}$/i.test(state?.brand_color ?? "")) {
    document.documentElement.style.setProperty("--brand", state.brand_color);
    document.documentElement.style.setProperty("--on-brand", onBrand(state.brand_color));
  }
  const group = document.getElementById("languages");
  group.setAttribute("aria-label", t("language"));
  replace(group, ...Object.entries(languages).map(([code, name]) => key(el("button", {
    type: "button", lang: code, "aria-pressed": String(code === language),
    onclick: async () => {
      if (code === language) return;
      await speak(code).catch(() => {});
      cards.clear();
      show();
    },
  }, name), code)));
}

// ---- What is shown -------------------------------------------------------------------------------------------------

const open = (doc) => !["received", "accepted", "archived"].includes(doc.status);

// ending returns the texts of the page on which there is nothing to do, and undefined where there is.
function ending() {
  if (end || !state) return end;
  if (state.kyc_status === "expired") return "expired";
  if (state.documents.length > 0 && !state.documents.some(open)) return "in";
  return state.kyc_status === "document_required" ? undefined : "done";
}

function show() {
  frame();
  const over = ending();
  if (over) {
    if (main.dataset.over !== over + language) showEnd(over);
    return;
  }
  if (main.dataset.over || !main.querySelector(".documents") || cards.size === 0) showFrame();
  const done = state.documents.filter((doc) => !open(doc)).length;
  const count = main.querySelector(".count");
  replace(count, el("span", {}, t("count", { done, all: state.documents.length })),
    el("progress", { max: state.documents.length, value: done, "aria-hidden": "true" }));
  count.hidden = state.documents.length < 2;
  for (const doc of state.documents) showCard(doc);
}

function showEnd(over) {
  const mark = { in: "✓", done: "✓", expired: "!", failed: "!", link: "!", link_expired: "!", insecure: "!" }[over];
  main.dataset.over = over + language;
  cards.clear();
  const heading = el("h1", { tabIndex: -1 }, t(over === "in" ? named("in_title") : `${over}_title`));
  main.replaceChildren(el("section", { className: "card end" },
    el("div", { className: `mark ${mark === "✓" ? "" : "wait"}`, "aria-hidden": "true" }, mark),
    heading,
    over === "in" && el("ul", { role: "list" }, ...state.documents.map((doc) => el("li", {}, nameOf(doc)))),
    el("p", {}, t(`${over}_text`)),
    over === "failed" && el("button", { type: "button", className: "main", onclick: start }, t("failed_again")),
  ));
  heading.focus();
  scrollTo(0, 0);
}

function showFrame() {
  delete main.dataset.over;
  const day = state.expires_at && new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(new Date(state.expires_at));
  main.replaceChildren(
    el("h1", { tabIndex: -1 }, t(named("hello"))),
    el("p", { className: "why" }, t(state.bank ? "why" : "why_bankless"), " ", day && el("strong", {}, t("until", { date: day }))),
    el("p", { className: "count" }),
    el("details", {}, el("summary", {}, t("tips")),
      el("ul", {}, ...["tip_whole", "tip_light", "tip_sharp", "tip_file"].map((tip) => el("li", {}, t(tip))))),
    el("ol", { className: "documents", role: "list" }, ...state.documents.map((doc) => {
      const item = el("li", { className: "card" });
      cards.set(doc.document_id, { item });
      return item;
    })),
    el("p", { className: "foot" }, t("foot")),
  );
}

// draft returns what was chosen for a document and is not sent yet.
function draft(doc) {
  const id = doc.document_id;
  if (!drafts.has(id)) drafts.set(id, { kind: recall(`kind ${id}`) ?? "", country: recall(`country ${id}`) ?? "US", files: {}, wrong: {} });
  const d = drafts.get(id);
  if (fixed(doc) || (doc.type && !d.kind)) {
    d.kind = doc.type;
    d.country = doc.country || d.country;
  }
  if (doc.types.length === 1) d.kind = doc.types[0].type;
  return d;
}

// fixed reports whether a side of the document is in: its other side has to be of the same paper.
const fixed = (doc) => doc.sides.some((side) => side.status === "received");

const sideOf = (doc, name) => doc.sides.find((side) => side.side === name) ?? { side: name, status: "missing" };

// sidesOf lists the sides to be shown, and whether each is needed.
function sidesOf(doc) {
  const back = doc.types.find((paper) => paper.type === draft(doc).kind)?.back ?? "none";
  const asked = ["received", "rejected", "awaited"].includes(sideOf(doc, "back").status);
  return back === "none" ? [{ name: "front", needed: true }]
    : [{ name: "front", needed: true }, { name: "back", needed: back === "needed" || asked }];
}

function sideName(doc, name) {
  if (name === "back") return t("side_back");
  if (draft(doc).kind === "passport") return t("side_passport");
  return t(sidesOf(doc).length > 1 || doc.document_type === "social_security_card" ? "side_front" : "side_only");
}

function badge(doc, d) {
  if (d.busy) return ["wait", "status_sending"];
  if (d.looking) return ["wait", "status_checking"];
  return { received: ["good", "status_received"], accepted: ["good", "status_accepted"], rejected: ["bad", "status_rejected"],
    received_front: ["wait", "status_part"], received_back: ["wait", "status_part"] }[doc.status] ?? ["", "status_required"];
}

// showCard shows a document anew where anything about it has changed.
function showCard(doc) {
  const card = cards.get(doc.document_id);
  if (!card) return;
  const d = draft(doc);
  const made = JSON.stringify([doc, d.version, language]);
  if (card.made === made) return;
  card.made = made;
  const [colour, word] = badge(doc, d);
  const id = `d-${doc.document_id}`;
  const heading = key(el("h2", { id, tabIndex: -1 }, nameOf(doc)), "heading");
  card.item.setAttribute("aria-labelledby", id);
  replace(card.item,
    el("header", {}, heading, el("span", { className: `badge ${colour}` }, t(word))),
    ...(open(doc) ? form(doc, d) : []));
}

function change(doc) {
  const d = draft(doc);
  d.version = (d.version ?? 0) + 1;
  showCard(state.documents.find((other) => other.document_id === doc.document_id) ?? doc);
}

// whys says in words why a document was rejected: of a side where the other one is good.
function whys(doc) {
  const refused = doc.sides.filter((side) => side.reason);
  if (refused.length === 1 && sidesOf(doc).length > 1) return [`${sideName(doc, refused[0].side)}: ${reason(refused[0].reason)}`];
  return [...new Set([doc.reason, ...refused.map((side) => side.reason)])].filter(Boolean).map(reason);
}

function form(doc, d) {
  const parts = [el("p", { className: "faint" }, t(`for_${doc.document_type}`))];
  if (doc.status === "rejected" && !d.busy && !d.looking) {
    parts.push(el("div", { className: "note bad" }, el("p", {}, el("strong", {}, t("wrong"))), ...whys(doc).map((why) => el("p", {}, why))));
  }
  if (d.wrong.all) parts.push(el("div", { className: "note bad", role: "alert" }, el("p", {}, t(d.wrong.all))));
  if (d.lost && !d.busy) parts.push(el("div", { className: "note wait" }, el("p", {}, t("lost"))));
  if (doc.types.length > 1 || doc.country_needed) parts.push(fields(doc, d));
  parts.push(sides(doc, d));
  if (d.busy || d.looking) parts.push(sending(doc, d));
  else {
    parts.push(key(el("button", { type: "button", className: "main", onclick: () => send(doc) }, t("send", { document: nameOf(doc) })), "send"));
  }
  return parts;
}

const sides = (doc, d) => el("div", { className: "sides" }, ...sidesOf(doc).map((side) => slot(doc, d, side)));

function fields(doc, d) {
  const id = doc.document_id;
  const off = fixed(doc) || d.busy || d.looking;
  const field = (name, label, value, options, wrong) => {
    const about = wrong && `${name}-wrong-${id}`;
    return el("div", {},
      el("label", { htmlFor: `${name}-${id}` }, label),
      key(el("select", {
        id: `${name}-${id}`, disabled: Boolean(off), "aria-invalid": wrong && "true", "aria-describedby": about, "aria-required": "true",
        onchange: (event) => {
          d[name] = event.target.value;
          delete d.wrong[name];
          if (name === "kind" && !sidesOf(doc).some((side) => side.name === "back")) drop(d, "back");
          remember(`${name} ${id}`, d[name]);
          // The field itself stays: who selects by typing would lose it.
          event.target.removeAttribute("aria-invalid");
          event.target.parentElement.querySelector(".error")?.remove();
          event.target.closest(".card").querySelector(".sides").replaceWith(sides(doc, d));
        },
      }, ...options.map(([code, text]) => el("option", { value: code, selected: code === value }, text))), name),
      wrong && el("p", { className: "error", id: about }, t(wrong)));
  };
  const names = new Intl.DisplayNames(language, { type: "region" });
  const byName = countries.map((code) => [code, names.of(code)]).sort((a, b) => a[1].localeCompare(b[1], language));
  return el("div", { className: "fields" },
    doc.types.length > 1 && field("kind", t("kind"), d.kind,
      [["", t("kind_choose")], ...doc.types.map((paper) => [paper.type, t(`kind_${paper.type}`)])], d.wrong.kind),
    doc.country_needed && field("country", t("country"), d.country,
      [["US", names.of("US")], ...byName.filter(([code]) => code !== "US")]));
}

// camera reports whether this is a device that is held in the hand: others would open their file dialog for a photo, too.
const camera = () => matchMedia("(pointer: coarse)").matches;

function slot(doc, d, { name, needed }) {
  const side = sideOf(doc, name);
  const id = `${name}-${doc.document_id}`;
  const label = sideName(doc, name);
  const legend = el("legend", {}, needed ? label : t("optional", { side: label }));
  if (side.status === "received") {
    return el("fieldset", { className: "side in" }, legend, el("p", {}, el("span", { className: "badge good" }, t("received_side"))));
  }
  const chosen = d.files[name];
  const wrong = d.wrong[name];
  const busy = d.busy || d.looking;
  const input = (capture) => el("input", {
    type: "file", hidden: true, name: capture ? `${id}-photo` : `${id}-file`,
    accept: capture ? "image/*" : "image/jpeg,image/png,image/heic,.heic,application/pdf", capture: capture && "environment",
    onchange: (event) => event.target.files[0] && choose(doc, name, event.target.files[0]),
  });
  const button = (what, action) => key(el("button", { type: "button", "aria-describedby": wrong && `wrong-${id}`, onclick: action },
    t(what), unseen(`: ${nameOf(doc)}, ${label}`)), `${what}-${name}`);
  const [photo, file] = [input(true), input(false)];
  const buttons = busy ? [] : [
    camera() && button("photo", () => photo.click()),
    button(chosen ? "other" : "file", () => file.click()),
    chosen && button("remove", () => {
      drop(d, name);
      change(doc);
      cards.get(doc.document_id).item.querySelector(`[data-key="file-${name}"]`)?.focus();
    }),
  ];
  return el("fieldset", { className: chosen ? "side chosen" : "side" }, legend,
    chosen && preview(chosen),
    el("div", { className: "buttons" }, ...buttons), photo, file,
    wrong && el("p", { className: "error", id: `wrong-${id}`, role: "alert" }, t(wrong.text ?? wrong, wrong.values)));
}

function preview(chosen) {
  const paper = () => el("div", { className: "paper", role: "img", "aria-label": t("no_preview") }, chosen.media === "application/pdf" ? "PDF" : "HEIC");
  const seen = chosen.media === "application/pdf" || chosen.blind ? paper()
    : el("img", { src: chosen.url, alt: t("preview", { name: chosen.file.name }), onerror: (event) => { // HEIC, in most browsers
      chosen.blind = true;
      event.target.replaceWith(paper());
    } });
  return el("div", { className: "preview" }, seen, el("div", {},
    el("p", { className: "name" }, chosen.file.name),
    el("p", { className: "faint" }, sizeOf(chosen.file.size)),
    !chosen.blind && el("a", { href: chosen.url, target: "_blank", rel: "noopener" }, t("open"))));
}

// sending shows how far the files are. What moves does so in place, by d.move.
function sending(doc, d) {
  const text = el("p");
  const bar = el("progress", { "aria-label": nameOf(doc) });
  d.move = () => {
    text.textContent = d.waiting ? t("offline") : d.late ? t("slow") : d.looking ? t("checking")
      : d.progress === undefined ? t("preparing") : t("sending", { side: sideName(doc, d.side), percent: Math.floor(100 * d.progress) });
    bar.hidden = Boolean(d.late);
    if (d.progress === undefined || d.looking) bar.removeAttribute("value");
    else bar.value = d.progress;
  };
  d.move();
  return el("div", { className: "sending" }, text, bar);
}

// ---- What is done --------------------------------------------------------------------------------------------------

function drop(d, name) {
  if (d.files[name]) URL.revokeObjectURL(d.files[name].url);
  delete d.files[name];
  delete d.wrong[name];
}

async function choose(doc, name, file) {
  const d = draft(doc);
  const found = await judge(file);
  drop(d, name);
  delete d.wrong.all;
  delete d.lost;
  if (found.wrong) d.wrong[name] = { text: found.wrong, values: { size: sizeOf(file.size) } };
  else {
    d.files[name] = { file, media: found.media, url: URL.createObjectURL(new Blob([file], { type: found.media })) };
    say(t("said_chosen", { side: sideName(doc, name), name: file.name }));
  }
  change(doc);
  const buttons = cards.get(doc.document_id).item;
  (buttons.querySelector(`[data-key="other-${name}"]`) ?? buttons.querySelector(`[data-key="file-${name}"]`))?.focus();
}

// missing notes what has to be said or chosen before the document can be sent, and returns the key of the first of it.
function missing(doc, d) {
  d.wrong = {};
  if (doc.types.length > 0 && !d.kind) d.wrong.kind = "wrong_kind";
  for (const { name, needed } of sidesOf(doc)) {
    if (needed && !d.files[name] && sideOf(doc, name).status !== "received") d.wrong[name] = "wrong_nothing";
  }
  const [first] = Object.keys(d.wrong);
  return first && (first === "kind" ? "kind" : `${camera() ? "photo" : "file"}-${first}`);
}

const files = (doc, d) => sidesOf(doc).map((side) => side.name).filter((name) => d.files[name]);

async function send(doc) {
  const d = draft(doc);
  const first = missing(doc, d);
  if (first) {
    change(doc);
    cards.get(doc.document_id).item.querySelector(`[data-key="${first}"]`)?.focus();
    return;
  }
  Object.assign(d, { busy: true, progress: undefined, late: false, lost: false });
  change(doc);
  const card = cards.get(doc.document_id).item;
  card.querySelector('[data-key="heading"]').focus();
  say(t("preparing"));
  try {
    await upload(doc, d);
    files(doc, d).forEach((name) => drop(d, name));
    d.looking = true;
  } catch (problem) {
    if (!(problem instanceof Wrong)) throw problem;
    Object.assign(d.wrong, problem.where);
  } finally {
    Object.assign(d, { busy: false, waiting: false, progress: undefined });
    change(doc);
  }
  if (d.looking) {
    say(t("checking"));
    look();
  } else {
    card.querySelector('[data-key="send"]')?.focus();
    await refresh();
  }
}

// Wrong says what was wrong, by side or about all, in the names of texts.
class Wrong extends Error {
  constructor(where) {
    super("wrong");
    this.where = where;
  }
}

async function upload(doc, d) {
  const contents = {};
  for (const name of files(doc, d)) {
    contents[name] = await read(d.files[name].file).catch(() => { throw new Wrong({ [name]: "wrong_unread" }); });
  }
  if (contents.back && contents.back.sha256 === contents.front?.sha256) throw new Wrong({ back: "wrong_same" });
  const waiting = (is) => {
    d.waiting = is;
    d.move();
    if (is) say(t("offline"));
  };
  for (let fresh = 0; ; fresh++) {
    const uploads = await net.announce({ [doc.document_type]: announcement(doc, d, contents) }, waiting).catch(explain);
    try {
      for (const one of uploads) {
        if (one.received) continue;
        let told = 0;
        Object.assign(d, { side: one.side, progress: 0 });
        d.move();
        await net.put(one, contents[one.side].bytes, (progress) => {
          d.progress = progress;
          d.move();
          if (progress >= told) { // those who listen are told each half of the way
            told += 0.5;
            say(t("sending", { side: sideName(doc, one.side), percent: Math.floor(100 * progress) }));
          }
        }, waiting);
      }
      return;
    } catch (problem) {
      if (!(problem instanceof net.Refusal)) throw problem;
      if (problem.status === 0 || problem.status >= 500) throw new Wrong({ all: "wrong_send" });
      if (problem.status === 400) throw new Wrong({ [d.side]: "wrong_changed" });
      if (fresh > 0) throw new Wrong({ all: "wrong_send" }); // a link that has ended gets a new one, once
    }
  }
}

// announcement is what the API wants to know ahead of the files.
function announcement(doc, d, contents) {
  const body = {};
  if (doc.types.length > 0) body.type = d.kind;
  if (doc.country_needed) body.country = d.country;
  const about = (name) => ({ content_type: d.files[name].media, content_length: contents[name].bytes.byteLength, sha256: contents[name].sha256 });
  if (doc.types.some((paper) => paper.back !== "none")) {
    for (const name of Object.keys(contents)) body[`${name}_image`] = about(name);
    return body;
  }
  return Object.assign(body, about("front"));
}

// explain turns a refusal of what was announced into words.
function explain(problem) {
  if (!(problem instanceof net.Refusal)) throw problem;
  if (problem.status === 0 || problem.status >= 500 || problem.status === 429) throw new Wrong({ all: "wrong_send" });
  if (problem.status !== 400 && problem.status !== 409) {
    refuse(problem);
    throw new Wrong({});
  }
  const same = problem.fields.some((field) => field.detail.startsWith("Is the very same file"));
  throw new Wrong(problem.status === 409 ? {} : { all: same ? "wrong_same_elsewhere" : "wrong_request" });
}

function refuse(problem) {
  if (problem.code === "upload_link_expired") end = "link_expired";
  else end = problem.status === 0 || problem.status >= 500 || problem.status === 429 ? "failed" : "link";
  show();
}

// refresh asks how far everything has come, and tells what is new.
async function refresh() {
  const before = state;
  try {
    state = await net.state();
  } catch (problem) {
    if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) refuse(problem);
    return;
  }
  for (const doc of state.documents) {
    const d = draft(doc);
    const was = before.documents.find((other) => other.document_id === doc.document_id);
    const awaited = doc.sides.some((side) => side.status === "awaited");
    if (!d.looking || awaited) continue;
    Object.assign(d, { looking: false, late: false });
    d.version = (d.version ?? 0) + 1;
    if (doc.status === "rejected") {
      say(t("said_rejected", { document: nameOf(doc), why: whys(doc).join(" ") }));
      focusOn(doc);
    } else if (was?.status !== doc.status) say(t("said_received", { document: nameOf(doc) }));
  }
  show();
}

// focusOn leads to a document that has to be sent again, unless someone is busy elsewhere on the page.
function focusOn(doc) {
  const card = cards.get(doc.document_id)?.item;
  if (!card) return;
  const at = document.activeElement;
  show();
  if (at === document.body || card.contains(at) || !at.isConnected) card.querySelector('[data-key="heading"]').focus();
}

let looking = false;
const patience = 8; // looks, about a quarter of a minute

// look asks until all that was sent has been looked into: each second at first, ever more seldom later.
async function look() {
  if (looking) return;
  looking = true;
  for (let n = 0; [...drafts.values()].some((d) => d.looking); n++) {
    await new Promise((done) => setTimeout(done, Math.min(1000 * 1.15 ** n, 20000)));
    await refresh();
    if (end) break;
    for (const doc of state.documents) {
      const d = draft(doc);
      if (!d.looking || n < patience) continue;
      if (d.resumed) Object.assign(d, { looking: false, resumed: false, lost: true }); // it was cut off by the reload
      else d.late = true;
      change(doc);
    }
  }
  looking = false;
}

// ---- The start -----------------------------------------------------------------------------------------------------

async function start() {
  end = undefined;
  if (!Object.keys(texts).length) await speak(preferred());
  if (!globalThis.crypto?.subtle) {
    end = "insecure";
  } else {
    try {
      state = await net.state();
    } catch (problem) {
      refuse(problem);
      return;
    }
  }
  show();
  if (end) return;
  for (const doc of state.documents) { // what was sent before a reload may still be looked into
    if (!doc.sides.some((side) => side.status === "awaited")) continue;
    Object.assign(draft(doc), { looking: true, resumed: true });
    change(doc);
  }
  look();
}

addEventListener("beforeunload", (event) => {
  if ([...drafts.values()].some((d) => d.busy)) event.preventDefault();
});
addEventListener("hashchange", () => location.reload());

start().catch(() => {
  // Without its texts the page can say nothing of its own: what is written in it is in both languages.
  document.getElementById("loading")?.replaceChildren(
    Object.assign(document.createElement("span"), { lang: "en", textContent: "The page could not be loaded. Please try again. " }),
    Object.assign(document.createElement("span"), { lang: "es", textContent: "No se pudo cargar la página. Inténtelo otra vez." }));
});
