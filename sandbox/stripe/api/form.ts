export type FormValue = string | FormValue[] | { [key: string]: FormValue }
export type Form = { [key: string]: FormValue }

/** `metadata[a]=b&enabled_events[0]=x&types[]=y` → objects and lists, as Stripe reads bodies and queries. */
export function decodeForm(encoded: string): Form {
  const root: Form = Object.create(null) as Form
  for (const [name, value] of new URLSearchParams(encoded)) place(root, pathOf(name), value)
  return listsOf(root) as Form
}

function pathOf(name: string): readonly string[] {
  const head = /^[^[]+/.exec(name)?.[0] ?? name
  return [head, ...[...name.slice(head.length).matchAll(/\[([^\]]*)\]/g)].map((part) => part[1] ?? '')]
}

function place(root: Form, path: readonly string[], value: string): void {
  let node = root
  for (const [depth, part] of path.entries()) {
    const key = part === '' ? String(Object.keys(node).length) : part
    if (depth === path.length - 1) {
      node[key] = value
      return
    }
    const next = node[key]
    node = typeof next === 'object' && !Array.isArray(next) ? next : (node[key] = Object.create(null) as Form)
  }
}

/** Objects whose keys are 0…n are lists. */
function listsOf(value: FormValue): FormValue {
  if (typeof value === 'string' || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, listsOf(inner)] as const)
  const isList = entries.length > 0 && entries.every(([key]) => /^\d+$/.test(key))
  if (isList) return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, inner]) => inner)
  return Object.fromEntries(entries)
}
