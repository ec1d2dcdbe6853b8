import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = new Map(
  readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [`src/${path}`, readFileSync(`${root}/src/${path}`, 'utf8')]),
)
const everything = [...sources.values()].join('\n')

/** The strings between the brackets of `const name = […] as const`; names in it are those of other constants. */
function listNamed(name: string): string[] {
  const found = new RegExp(`const ${name} = (?:\\[([^\\]]*)\\] as const|('\\w+'))`).exec(everything)
  expect(found, `${name} is no list of strings`).not.toBeNull()
  const items = (found?.[1] ?? found?.[2] ?? '').split(',').map((item) => item.trim())
  return items
    .filter((item) => item !== '')
    .flatMap((item) => (item.startsWith("'") ? [item.slice(1, -1)] : listNamed(item.replace('...', ''))))
}

/** What `readonly code` of a class may be: one string, or a type that is made of a list. */
function codesOf(file: string, name: string, body: string): readonly string[] {
  const [, only, type = ''] = /^ {2}readonly code(?: = '(\w+)'|: (\w+))$/m.exec(body) ?? []
  if (only !== undefined) return [only]
  const [, list = ''] = new RegExp(`type ${type} = \\(typeof (\\w+)\\)\\[number\\]`).exec(sources.get(file) ?? '') ?? []
  expect(list, `${name} in ${file} has no closed list of codes beside it`).not.toBe('')
  return listNamed(list)
}

const classes = [...sources].flatMap(([file, source]) =>
  [...source.matchAll(/^(?:export )?class (\w+) extends PurserError \{$([\s\S]*?)^\}$/gm)].map(
    ([, name = '', body = '']) => ({ name, file, codes: codesOf(file, name, body) }),
  ),
)

/** Code → the classes that raise it. `unexpected` is what a stored failure says of an error that is none of ours. */
const raisedBy = new Map<string, string[]>([['unexpected', ['none']]])
for (const { name, codes } of classes)
  for (const code of codes) raisedBy.set(code, [...(raisedBy.get(code) ?? []), name].toSorted())

/** Codes of others, in the files that read them; those of the operating system are in capitals everywhere. */
const foreign: readonly [file: string, code: string][] = [
  ['src/config/', 'invalid_type'],
  ['src/config/', 'unrecognized_keys'],
  ['src/config/', 'invalid_union'],
  ['src/config/', 'invalid_key'],
  ['src/config/', 'custom'],
  ['src/adapters/stripe/errors.ts', 'idempotency_key_in_use'],
  ['src/adapters/stripe/errors.ts', 'lock_timeout'],
  ['src/adapters/stripe/errors.ts', 'resource_missing'],
]

const isForeign = (file: string, code: string) =>
  /^[A-Z_]+$/.test(code) || foreign.some(([where, theirs]) => theirs === code && file.startsWith(where))

describe('error codes', () => {
  it('are a closed list in every class', () => {
    const declared = everything.match(/\bclass \w+ extends PurserError\b/g) ?? []
    expect(classes.map(({ name }) => name).toSorted()).toEqual(
      declared.map((text) => text.split(' ')[1] ?? '').toSorted(),
    )
    expect(classes.length).toBeGreaterThan(20)
    for (const { name, codes } of classes) expect(new Set(codes).size, `${name} has a code twice`).toBe(codes.length)
  })

  it('come with a class: nobody raises a bare PurserError', () => {
    const bare = [...sources].filter(([, source]) => source.includes('new PurserError(')).map(([file]) => file)
    expect(bare).toEqual([])
  })

  it('are compared only with codes that exist', () => {
    const unknown = [...sources].flatMap(([file, source]) =>
      [...source.matchAll(/(?<!typeof [\w.]*)(?:\bcode|\w*[cC]odeOf\([^()]*\)) [!=]== '(\w+)'/g)]
        .map(([, code = '']) => code)
        .filter((code) => !raisedBy.has(code) && !isForeign(file, code))
        .map((code) => `${file}: ${code}`),
    )
    expect(unknown).toEqual([])
  })

  it('are all raised somewhere', () => {
    const { codes: slack } = classes.find(({ name }) => name === 'SlackTrouble')!
    const idle = classes
      .flatMap(({ file, codes }) => codes.map((code) => ({ file, code })))
      // Slack's own are taken over by their name.
      .filter(({ code }) => !slack.includes(code) && !code.startsWith('not_allowed_'))
      .filter(({ code }) => everything.split(`'${code}'`).length - 1 <= listings(code))
    expect(idle).toEqual([])
  })

  it('do not ask an error for its shape where its class can be asked', () => {
    const shapes = [...sources].flatMap(([file, source]) =>
      [...source.matchAll(/'(\w+)' in (?:error|thrown|cause|reason|signal\.reason)\b/g)].map(
        ([, property = '']) => `${file}: ${property}`,
      ),
    )
    // Errors of Node and of pg have no class of their own that could be imported.
    expect(shapes.toSorted()).toEqual([
      'src/adapters/process/child.ts: code',
      'src/adapters/registry/login/docker-config.ts: code',
      'src/jobs/disk-trouble.ts: code',
      'src/start/data-directories.ts: code',
      'src/store/runs.ts: constraint',
      'src/store/trouble.ts: code',
    ])
  })
})

/** How often a code stands in lists; a class with one code raises it by being made. */
function listings(code: string): number {
  return classes.filter(({ codes }) => codes.length > 1 && codes.includes(code)).length
}

describe('docs/errors.md', () => {
  const rows = readFileSync(`${root}/docs/errors.md`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))

  it('has every code once, with every class that raises it: a second class means the same or takes another code', () => {
    const told = rows.map(([, code = '', raisers = '']) => [
      code.slice(1, -1),
      raisers.split(', ').toSorted().join(', '),
    ])
    const real = [...raisedBy].map(([code, names]) => [code, names.join(', ')])
    const byCode = (a: readonly string[], b: readonly string[]) => (a[0] ?? '').localeCompare(b[0] ?? '')
    expect(told.toSorted(byCode)).toEqual(real.toSorted(byCode))
  })

  it('says of each what it means, whether it is retried, and what to do', () => {
    for (const [, code, , ...cells] of rows) expect(cells.slice(0, 3), code).not.toContain('')
  })
})
