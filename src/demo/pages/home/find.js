// Finds the parts of a page, and reports a mistake at once.

/**
 * The first element that matches, of a class such as `HTMLButtonElement`.
 * @template {Element} E
 * @param {ParentNode} parent
 * @param {string} selector
 * @param {new () => E} type
 * @returns {E}
 */
export function find(parent, selector, type) {
  const element = parent.querySelector(selector);
  if (!(element instanceof type)) throw new TypeError(`there is no ${type.name} ${selector}`);
  return element;
}
