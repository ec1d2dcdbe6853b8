import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/**
 * Text from outside is cut by `src/outside-text` alone, where it is masked first: half of a secret that was cut elsewhere would not be
 * known as one by its shape. A cut to a length is looked for, by what is cut (a name such as `line` or `message`) or by the `…` that
 * follows it. What takes a text apart at a place that was found in it is no cut.
 */

const root = fileURLToPath(new URL('../..', import.meta.url))

const textLike =
  /(?:text|line|words|stderr|stdout|message|value|body|subject|reason|example|comment|sql|query|problem|output|marked|title|detail|content|raw|answer|note|string|said|chunk|end|name|label|url|shown|given|toString\(\)|^\)\))$/i
/** Digests, ids of commits and times have a fixed form, and are shortened as everybody does. */
const fixedForm =
  /(?:sha|sha256|commit|digest|revision|replaces|iso|At|now|from|toISOString\(\)|digest\('hex'\)|sha256\(\w+\)|'\))$/
/** The arguments of a cut to a length: `0, 300`, `-200`, `0, mostCharacters`. */
const toLength = /^(?:0, )?(?:-?\d[\d_]+|-?.*(?:most|longest|max|limit|left|room|width).*)$/i

/** Files whose cuts are none of text from outside that people read, or come behind the mask, with the number of cuts in each. */
const mayCut: Readonly<Record<string, readonly [cuts: number, because: string]>> = {
  'src/messages/blocks/message.ts': [
    1,
    'the last guard of what Slack takes: the end of a block of code, of lines that were masked before',
  ],
  'src/model/configuration.ts': [1, 'values of purser.yaml, told apart by their hashes'],
  'src/runbook/log-records/fingerprint.ts': [1, 'what tells errors apart is hashed, and shown to nobody'],
  'src/runbook/log-records/line-level.ts': [1, 'the head of a line tells its level, and is shown to nobody'],
  'src/runbook/log-records/record-level.ts': [1, 'where JSON begins in a line tells its level, and is shown to nobody'],
  'src/runbook/log-records/object-fields.ts': [2, 'fields of a line that was masked before'],
  'src/adapters/kubernetes/access/exec-credential.ts': [1, 'a credential, which is parsed and shown to nobody'],
  'src/adapters/registry/login/challenges.ts': [1, 'a header, which is parsed and shown to nobody'],
  'src/adapters/registry/login/credential-helper.ts': [1, 'a login, which is parsed and shown to nobody'],
}

function cutsIn(source: string): readonly string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const calls = /([\w$.#?'\])]+(?:\([^()\n]*\))?)\.(slice|substring|substr)\(((?:[^()\n]|\([^()\n]*\))*)\)([^\n]{0,6})/g
  return [...code.matchAll(calls)]
    .filter(([, from = '', method, length = '', behind = '']) => {
      if (method !== 'slice') return true
      if (fixedForm.test(from)) return false
      return /^\}?(?:…| \+ '…)/.test(behind) || (toLength.test(length) && textLike.test(from))
    })
    .map(([what]) => what)
}

const product = readdirSync(join(root, 'src'), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
  .filter(({ path }) => !path.startsWith('src/outside-text/'))

it.each([
  ['a text to a length', 'const shown = text.slice(0, 300)'],
  ['the end of what a program says', 'stderr = (stderr + chunk.toString()).slice(-2_000)'],
  ['a value with an ellipsis', 'return `${value.slice(0, longestValue)}…`'],
  ['anything with an ellipsis', 'return `${anything.slice(0, 20)}…`'],
  ['a substring', 'return message.substring(0, 80)'],
])('a cut is seen: %s', (_, code) => expect(cutsIn(code)).toHaveLength(1))

it.each([
  ['the id of a commit', 'return commit.sha.slice(0, 7)'],
  ['a digest', 'return `${image.digest.slice(0, 19)}…`'],
  ['the place of a character', "return line.slice(0, line.indexOf(' '))"],
  ['what follows a prefix', 'return name.slice(prefix.length)'],
])('and no other is: %s', (_, code) => expect(cutsIn(code)).toEqual([]))

it('only the module of text from outside cuts such text', () => {
  const found = product.map(({ path, text }) => ({ path, cuts: cutsIn(text) })).filter(({ cuts }) => cuts.length > 0)
  const others = found.filter(({ path, cuts }) => cuts.length !== mayCut[path]?.[0])
  expect(others.map(({ path, cuts }) => `${path}: ${cuts.length} (${cuts.join(' | ')})`)).toEqual([])
  const paths = new Set(found.map(({ path }) => path))
  expect(Object.keys(mayCut).filter((path) => !paths.has(path))).toEqual([])
})

it('an adapter that gets to know a secret tells the masks', () => {
  // The address of another database of the same server has the password that is known.
  const derived = ['src/adapters/postgres/restores/new-database.ts']
  const silent = product
    .filter(({ path, text }) => path.startsWith('src/adapters/') && text.includes('new Sensitive('))
    .filter(({ path, text }) => !derived.includes(path) && !text.includes('knownSecrets.learn'))
  expect(silent.map(({ path }) => path)).toEqual([])
})
