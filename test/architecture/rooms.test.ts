import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** How the house is kept: sizes of folders, exports that somebody imports, and names that say something. */

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Source {
  readonly path: string
  readonly text: string
}

function sourcesIn(folder: string): readonly Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
}

const product = sourcesIn('src')

it('no folder of the runbook or of the messages holds more than a dozen files', () => {
  const counts = new Map<string, number>()
  for (const { path } of product) {
    const folder = path.slice(0, path.lastIndexOf('/'))
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const crowded = [...counts].filter(([folder, count]) => /^src\/(runbook|messages)/.test(folder) && count > 12)
  expect(crowded).toEqual([])
})

it('nothing is exported that no other file imports', () => {
  const importers = [...product, ...['test', 'sandbox', 'bench', 'scripts'].flatMap(sourcesIn)]
  const imported = new Set<string>()
  for (const { path, text } of importers)
    for (const [, names = '', specifier = ''] of text.matchAll(/import (?:type )?\{([^}]*)\} from '(\.[^']+)'/g)) {
      const target = join(path, '..', specifier)
      for (const name of names.split(',')) imported.add(`${target} ${name.trim().replace(/^type | as .*$/g, '')}`)
    }
  const needless = product.flatMap(({ path, text }) =>
    [...text.matchAll(/^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm)]
      .map(([, name]) => `${path} ${name}`)
      .filter((symbol) => !imported.has(symbol)),
  )
  expect(needless).toEqual([])
})

it('no parameter of the product is called “it”', () => {
  const nameless = product
    .filter(({ text }) => /[(,]\s*it\b\s*[,:)]|[(,=]\s*it\s*=>|\b(?:const|let) it\b/.test(withoutComments(text)))
    .map(({ path }) => path)
  expect(nameless).toEqual([])
})

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replaceAll(/`[^`]*`|'[^'\n]*'/g, "''")
}
