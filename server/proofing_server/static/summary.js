// The summary of what is wrong in a form, above its heading.

/**
 * Show the summary with a link to each field, and give it the focus; without a wrong field, take it away.
 *
 * @param {HTMLFormElement} form
 * @param {{name: string, error: string}[]} wrong
 * @param {string} title
 */
export function showErrors(form, wrong, title) {
  const place = document.getElementById("summary-place");
  place.replaceChildren();
  const prefix = form.dataset.errorTitle;
  document.title = document.title.replace(prefix, "");
  if (wrong.length === 0) return;
  document.title = prefix + document.title;
  const box = element("div", { className: "notice error", id: "error-summary", tabIndex: -1 });
  box.setAttribute("role", "alert");
  const list = element("ul");
  for (const { name, error } of wrong) {
    const label = form.querySelector(`label[for=${name}]`).textContent;
    const link = element("a", { href: `#${name}`, textContent: labeled(form, label, error) });
    const item = element("li");
    item.append(link);
    list.append(item);
  }
  box.append(element("h2", { textContent: title }), list);
  place.append(box);
  box.focus();
}

/** Return what is said of a field, as the language of the page writes it. */
export function labeled(form, label, text) {
  const values = { "{label}": label, "{text}": text };
  return form.dataset.labeled.replace(/\{label\}|\{text\}/g, (name) => values[name]);
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}
