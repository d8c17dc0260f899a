"use strict";
// The episode browser. Nothing a model wrote ever becomes markup: all of it is set as text.
(() => {
  const CHUNK = 50, LONG = 1500, STRIP = 80, CELLS = 4e6;
  const FACETS = ["env", "budget", "method", "seed", "kind", "round", "outcome", "success"];
  const root = document.getElementById("browser");
  if (!root) return;
  const { texts, episodes, note } = JSON.parse(document.getElementById("browser-data").textContent);
  const form = root.querySelector("form");
  const list = root.querySelector("ol");
  const more = root.querySelector("button.more");
  const output = form.querySelector("output");

  const make = (tag, className = "", text = "") => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  };

  // --- differences ---------------------------------------------------------------------------

  // Pieces [text, changed] of both sides, by the longest common subsequence of their words.
  function difference(left, right) {
    const words = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
    const a = words(left), b = words(right);
    let start = 0, end = 0;
    while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
    while (end < Math.min(a.length, b.length) - start
      && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
    const x = a.slice(start, a.length - end), y = b.slice(start, b.length - end);
    const sides = [[[a.slice(0, start).join(""), false]], [[b.slice(0, start).join(""), false]]];
    if (x.length * y.length > CELLS) {
      sides[0].push([x.join(""), true]);
      sides[1].push([y.join(""), true]);
    } else {
      const n = y.length + 1, longest = new Uint16Array((x.length + 1) * n);
      for (let i = x.length - 1; i >= 0; i--)
        for (let j = y.length - 1; j >= 0; j--)
          longest[i * n + j] = x[i] === y[j] ? longest[(i + 1) * n + j + 1] + 1
            : Math.max(longest[(i + 1) * n + j], longest[i * n + j + 1]);
      let i = 0, j = 0;
      while (i < x.length || j < y.length) {
        if (i < x.length && j < y.length && x[i] === y[j]) {
          sides[0].push([x[i++], false]);
          sides[1].push([y[j++], false]);
        } else if (j >= y.length
          || (i < x.length && longest[(i + 1) * n + j] >= longest[i * n + j + 1])) {
          sides[0].push([x[i++], true]);
        } else sides[1].push([y[j++], true]);
      }
    }
    sides[0].push([a.slice(a.length - end).join(""), false]);
    sides[1].push([b.slice(b.length - end).join(""), false]);
    return sides.map(joined);
  }

  // Neighbours joined; a lone blank or sign between two changes counts as changed.
  function joined(pieces) {
    const kept = pieces.filter(([text]) => text), runs = [];
    kept.forEach(([text, changed], i) => {
      const between = i > 0 && i < kept.length - 1 && kept[i - 1][1] && kept[i + 1][1];
      const marked = changed || (between && text.length === 1 && text !== "\n");
      if (runs.length && runs[runs.length - 1][1] === marked) runs[runs.length - 1][0] += text;
      else runs.push([text, marked]);
    });
    return runs;
  }

  // --- one episode ---------------------------------------------------------------------------

  let wanted = null; // what is searched for, as a regular expression

  function fill(element, text) {
    if (!wanted) return element.append(text);
    let at = 0;
    for (const hit of text.matchAll(wanted)) {
      element.append(text.slice(at, hit.index), make("mark", "hit", hit[0]));
      at = hit.index + hit[0].length;
    }
    element.append(text.slice(at));
  }

  function block(text) {
    const pre = make("pre");
    fill(pre, text);
    return pre;
  }

  function folded(text) {
    if (text.length <= LONG) return block(text);
    const details = make("details", "long"), summary = make("summary");
    summary.append(make("code", "", text.slice(0, 90) + "…"), " ",
      make("span", "note", `${text.length.toLocaleString("en")} characters`));
    details.append(summary, block(text));
    details.open = wanted !== null && text.search(wanted) >= 0;
    return details;
  }

  function box(className, what, ...content) {
    const element = make("div", className);
    element.append(make("span", "what", what), ...content);
    return element;
  }

  function pieces(parts) {
    const pre = make("pre");
    for (const [text, changed] of parts) {
      if (!changed) { fill(pre, text); continue; }
      const mark = make("mark");
      fill(mark, text);
      pre.append(mark);
    }
    return pre;
  }

  function turnItem(turn, i) {
    const item = make("li", turn.actor === "teacher" ? "by-teacher" : "by-student");
    const head = make("h4");
    head.append(`Turn ${i + 1}`, make("span", "actor", `${turn.actor} acted`));
    const facts = [];
    if (turn.stage) facts.push(turn.stage.toLowerCase());
    if (turn.score !== undefined) facts.push(`gate's score ${turn.score}`);
    if (turn.reward) facts.push(`reward ${turn.reward}`);
    if (facts.length) head.append(make("span", "note", facts.join(" · ")));
    item.append(head, box("seen", "observation", folded(texts[turn.observation])));
    const action = texts[turn.action];
    if (turn.differs) {
      const [did, label] = difference(action, texts[turn.label]).map(pieces);
      const pair = make("div", "pair");
      pair.append(box("did", "action", did), box("label", "teacher’s label", label));
      item.append(pair);
    } else {
      const did = box("did", "action", folded(action));
      const said = turn.lost ? "the teacher was asked and did not answer"
        : turn.label < 0 ? "no label"
          : turn.actor === "teacher" ? "the teacher’s own" : "= the teacher’s label";
      did.append(make("span", "note", said));
      item.append(did);
    }
    if (turn.proposal >= 0) {
      const [would] = difference(texts[turn.proposal], action).map(pieces);
      item.append(box("would", "the student would have done", would));
    }
    return item;
  }

  function body(episode) {
    const turns = make("ol", "turns");
    turns.append(...episode.turns.map(turnItem));
    const parts = [turns];
    if (episode.last >= 0) {
      parts.push(box("seen last", "last observation", folded(texts[episode.last])));
    }
    parts.push(make("p", "outcome", `Reward ${episode.reward}`
      + (episode.facets.outcome ? `, ${episode.facets.outcome}` : "") + "."));
    return parts;
  }

  function strip(episode) {
    const element = make("span", "strip");
    element.setAttribute("aria-hidden", "true");
    for (const turn of episode.turns.slice(0, STRIP)) {
      element.append(make("i", turn.actor + (turn.differs ? " differs" : "")));
    }
    if (episode.turns.length > STRIP) element.append("…");
    return element;
  }

  function summaryOf(episode) {
    const summary = make("summary"), { facets } = episode;
    if (facets.method) summary.append(make("b", "", facets.method));
    const where = [facets.env, facets.budget, facets.seed && `seed ${facets.seed}`, facets.kind,
      facets.round && (facets.round === "final" ? "final" : `round ${facets.round}`)];
    summary.append(make("span", "where", where.filter(Boolean).join(", ")),
      make("span", "task", episode.name));
    const [how, said] = { yes: ["won", "✓ success"], no: ["lost", "✗ no success"] }[facets.success]
      ?? ["open", "– cut"];
    summary.append(make("span", `badge ${how}`, said));
    const own = episode.turns.filter((t) => t.actor === "student" && t.label >= 0);
    const same = own.filter((t) => !t.differs).length;
    const turns = episode.turns.length;
    summary.append(make("span", "note", `${turns} turn${turns === 1 ? "" : "s"}`
      + (own.length ? ` · ${same} of ${own.length} as the teacher` : "")), strip(episode));
    return summary;
  }

  function item(episode) {
    const element = make("li"), details = make("details", "episode");
    details.append(summaryOf(episode));
    details.addEventListener("toggle", () => {
      // Built when it is first looked at: a page may hold thousands.
      if (details.open && details.children.length === 1) details.append(...body(episode));
    });
    element.append(details);
    return element;
  }

  // --- search and filter ---------------------------------------------------------------------

  const named = (name) => form.elements.namedItem(name);
  const acted = (episode, who) => episode.turns.some((turn) => turn.actor === who);

  for (const name of FACETS) {
    const values = [...new Set(episodes.map((e) => e.facets[name] ?? ""))].filter(Boolean);
    if (values.length < 2) continue;
    values.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const label = make("label", "", name === "env" ? "environment" : name);
    const select = make("select");
    select.name = name;
    select.add(new Option("all", ""));
    for (const value of values) select.add(new Option(value, value));
    label.append(select);
    form.querySelector(".facets").prepend(label);
  }
  const facets = form.querySelector(".facets");
  for (const name of FACETS) {
    const select = facets.querySelector(`select[name="${name}"]`);
    if (select) facets.insertBefore(select.parentElement, named("actor").parentElement);
  }

  let shown = [], next = 0;

  function matches(text) {
    const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    wanted = text ? new RegExp(escaped, "gi") : null;
    if (!wanted) return () => true;
    const test = new RegExp(escaped, "i"); // without "g": no state between tests
    const found = texts.map((t) => test.test(t));
    return (episode) => test.test(episode.name) || found[episode.last]
      || episode.turns.some((t) => found[t.observation] || found[t.action] || found[t.label]
        || found[t.proposal]);
  }

  function apply() {
    const selected = [...facets.querySelectorAll("select")].filter((s) => s.value);
    const has = matches(named("text").value);
    const who = named("actor").value, differs = named("differs").checked;
    shown = episodes.filter((episode) =>
      selected.every((s) => s.name === "actor" || episode.facets[s.name] === s.value)
      && (!who || (who === "both" ? acted(episode, "teacher") && acted(episode, "student")
        : acted(episode, who)))
      && (!differs || episode.turns.some((turn) => turn.differs))
      && has(episode));
    list.replaceChildren();
    next = 0;
    extend();
    const count = (n) => n.toLocaleString("en");
    output.value = `${count(shown.length)} of ${count(episodes.length)} episodes`;
  }

  function extend() {
    list.append(...shown.slice(next, next + CHUNK).map(item));
    next = Math.min(next + CHUNK, shown.length);
    more.hidden = next >= shown.length;
    more.textContent = `Show more (${(shown.length - next).toLocaleString("en")} left)`;
  }

  let timer = 0;
  named("text").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 150);
  });
  form.addEventListener("change", (event) => {
    if (event.target !== named("text")) apply();
  });
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    apply();
  });
  more.addEventListener("click", () => {
    const first = next;
    extend();
    list.children[first]?.querySelector("summary").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input, select, textarea")) return;
    if (event.key === "/") {
      event.preventDefault();
      named("text").focus();
    } else if (event.key === "j" || event.key === "k") {
      const heads = [...list.querySelectorAll(".episode > summary")];
      const now = heads.findIndex((h) => h.parentElement.contains(document.activeElement));
      const to = event.key === "j" ? now + 1 : Math.max(0, now - 1);
      heads[to]?.focus();
      heads[to]?.scrollIntoView({ block: "nearest" });
    }
  });

  root.querySelector(".cap").textContent = note;
  root.hidden = false;
  apply();
})();
