import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { purserJsonSchema } from '../src/config/json-schema.ts'
import { commandsPage } from './commands-page.ts'

// What is derived from the code and committed: tests fail when one of these files is not as this script writes it.

const files = {
  'purser.schema.json': `${JSON.stringify(purserJsonSchema(), null, 2)}\n`,
  'docs/commands.md': commandsPage(),
}

for (const [name, content] of Object.entries(files)) {
  const file = fileURLToPath(new URL(`../${name}`, import.meta.url))
  writeFileSync(file, content)
  process.stdout.write(`wrote ${file}\n`)
}
