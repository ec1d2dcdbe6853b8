/**
 * Builds an element. Text always becomes a text node and attributes never hold markup, so nothing that people or the
 * app write can become HTML.
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split('.')
  const element = document.createElement(name || 'div')
  if (classes.length > 0) element.className = classes.join(' ')
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (key === 'class') element.classList.add(...value.split(' ').filter(Boolean))
    else if (key in element && typeof value !== 'string') element[key] = value
    else element.setAttribute(key, value === true ? '' : value)
  }
  append(element, children)
  return element
}

export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === '') continue
    element.append(child instanceof Node ? child : document.createTextNode(String(child)))
  }
}

const namespace = 'http://www.w3.org/2000/svg'

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(namespace, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  append(element, children)
  return element
}

/** Only addresses a browser may open from a message. */
export function safeUrl(url) {
  return /^(https?:|mailto:|slack:)/i.test(url) ? url : undefined
}

const icons = {
  eye: 'M1 8s2.6-4.5 7-4.5S15 8 15 8s-2.6 4.5-7 4.5S1 8 1 8Zm7 2.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z',
  file: 'M4 1.5h5L13 5.5v9H4zM9 1.5v4h4M6 8.5h5M6 11h5',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  home: 'M2 8 8 2.5 14 8M3.5 7v6.5h9V7M6.5 13.5v-4h3v4',
  send: 'M2 13.5 14.5 8 2 2.5l2 5.5zM4 8h5',
}

/** A line drawing: emoji look different, or like empty boxes, on every machine. */
export function icon(name) {
  return svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' }, svg('path', { d: icons[name] }))
}
