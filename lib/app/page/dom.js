// Elements from plain functions: a view builds what it wants to see, and morph() changes what is there into it.

const SVG = 'http://www.w3.org/2000/svg'

/**
 * An element of HTML. Text is text and never markup: names of streams come from strangers.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] those that are false, null or undefined are left out
 * @param {...unknown} children elements, text, arrays of them; false, null and undefined are left out
 * @returns {HTMLElement}
 */
export const h = (name, attributes, ...children) => filled(document.createElement(name), attributes, children)

/**
 * An element of SVG.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes]
 * @param {...unknown} children
 * @returns {SVGElement}
 */
export const svg = (name, attributes, ...children) =>
  filled(/** @type {SVGElement} */ (document.createElementNS(SVG, name)), attributes, children)

/**
 * @template {Element} T
 * @param {T} element
 * @param {Record<string, unknown> | undefined} attributes
 * @param {unknown[]} children
 * @returns {T}
 */
function filled(element, attributes = {}, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? '' : `${value}`)
  for (const child of children.flat(Number.POSITIVE_INFINITY))
    if (child !== false && child !== null && child !== undefined)
      element.append(child instanceof Node ? child : `${child}`)
  return element
}

/**
 * Changes the children of an element into these, and keeps nodes that are alike: focus, selection and hover survive an
 * update a second. Children with `data-key` are found again wherever they have moved to.
 * @param {Element} parent
 * @param {readonly Node[]} wanted
 */
export function morph(parent, wanted) {
  /** @type {Map<string, Element>} */
  const keyed = new Map()
  for (const child of parent.children) {
    const key = child.getAttribute('data-key')
    if (key !== null) keyed.set(key, child)
  }
  wanted.forEach((next, at) => {
    const there = parent.childNodes[at]
    const key = next instanceof Element ? next.getAttribute('data-key') : null
    const found = key === null ? there : keyed.get(key)
    if (!found || !isAlike(found, next)) {
      parent.insertBefore(next, there ?? null)
      return
    }
    if (found !== there) parent.insertBefore(found, there ?? null)
    become(found, next)
  })
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove()
}

/**
 * @param {Node} one
 * @param {Node} other
 */
const isAlike = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other)

/** @param {Node} node */
const keyOf = node => (node instanceof Element ? node.getAttribute('data-key') : null)

/**
 * @param {Node} old
 * @param {Node} next
 */
function become(old, next) {
  if (!(old instanceof Element) || !(next instanceof Element)) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue
    return
  }
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name)
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  morph(old, [...next.childNodes])
}

/**
 * The element with this id, which the page always has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`no #${id}`)
  return element
}

/**
 * Text for readers of the screen alone.
 * @param {string} text
 */
export const spoken = text => h('span', { class: 'spoken' }, text)
