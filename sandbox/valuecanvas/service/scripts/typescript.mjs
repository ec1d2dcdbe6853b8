// Node 20 cannot load `.ts`. Ours hold no type syntax, so reading them as JavaScript is enough.
import { register } from 'node:module'

const hooks = `
import { readFile } from 'node:fs/promises'
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context)
  return { format: 'module', shortCircuit: true, source: await readFile(new URL(url), 'utf8') }
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
