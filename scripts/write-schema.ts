import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { purserJsonSchema } from '../src/config/json-schema.ts'

const file = fileURLToPath(new URL('../purser.schema.json', import.meta.url))
writeFileSync(file, `${JSON.stringify(purserJsonSchema(), null, 2)}\n`)
process.stdout.write(`wrote ${file}\n`)
