import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRegistry } from '../src/adapters/registry/client.ts'
import { dockerCredentials } from '../src/adapters/registry/login/credentials.ts'
import { PurserError } from '../src/errors.ts'
import { baseImages, pinned, withPins } from './base-images.ts'

/*
 * Pins the images of others that a Dockerfile builds on to the digests that their registry has for their tags now. With `--check`
 * nothing is written, and it ends with 1 when something would be: an image that is not pinned, or a tag that has moved on.
 *
 *   npm run pin-base-images -- [--check] [DOCKERFILE]
 */

const args = process.argv.slice(2)
const check = args.includes('--check')
const file = args.find((word) => !word.startsWith('--')) ?? join(import.meta.dirname, '..', 'Dockerfile')
const limitMs = 120_000

const text = readFileSync(file, 'utf8')
try {
  const registry = openRegistry({ credentials: dockerCredentials() })
  const pins = await pinned(baseImages(text), registry, AbortSignal.timeout(limitMs))
  const stale = pins.filter(({ written, wanted }) => written !== wanted)
  for (const { written, wanted } of pins)
    process.stdout.write(written === wanted ? `${written}: as the registry has it\n` : `${written} → ${wanted}\n`)
  if (!check) writeFileSync(file, withPins(text, stale))
  else if (stale.length > 0) process.exitCode = 1
} catch (error) {
  if (!(error instanceof Error)) throw error
  process.stderr.write(`${error.message}\n`)
  if (error instanceof PurserError && error.hint !== undefined) process.stderr.write(`${error.hint}\n`)
  process.exitCode = 2
}
