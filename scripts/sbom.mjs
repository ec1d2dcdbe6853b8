// Writes the software bill of materials to standard output: the packages of npm that Purser runs with, each with version, licence and
// hash, as npm reads them off package-lock.json. CycloneDX; `-- --spdx` writes SPDX instead. What an image holds beside them
// (Debian's packages, Node, PostgreSQL's tools) is seen by a scanner of images only.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const spdx = process.argv.includes('--spdx')
const { status, stdout } = spawnSync(
  'npm',
  ['sbom', '--package-lock-only', `--sbom-format=${spdx ? 'spdx' : 'cyclonedx'}`, '--sbom-type=application'],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 * 1024 * 1024 },
)
if (status !== 0) process.exit(status ?? 1)

// npm's own `--omit=dev` leaves out what development packages want as well, if only as an optional peer. The lock file knows better.
const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'))
const wanted = new Set(
  Object.entries(read('package-lock.json').packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { name, version }]) => `${name ?? path.replace(/^.*node_modules\//, '')}@${version}`),
)

const bill = JSON.parse(stdout.toString())
const { name } = read('package.json')
if (spdx) {
  const kept = bill.packages.filter((one, at) => at === 0 || wanted.has(`${one.name}@${one.versionInfo}`))
  const ids = new Set(['SPDXRef-DOCUMENT', ...kept.map(({ SPDXID }) => SPDXID)])
  bill.packages = kept
  bill.relationships = bill.relationships.filter((one) => ids.has(one.spdxElementId) && ids.has(one.relatedSpdxElement))
  // npm calls the program by the directory that it lies in.
  bill.name = bill.name.replace(/^.*@/, `${name}@`)
} else {
  bill.components = bill.components.filter((one) =>
    wanted.has(`${one.group ? `${one.group}/` : ''}${one.name}@${one.version}`),
  )
  const refs = new Set([bill.metadata.component['bom-ref'], ...bill.components.map((one) => one['bom-ref'])])
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map((one) => ({ ...one, dependsOn: one.dependsOn.filter((ref) => refs.has(ref)) }))
  bill.metadata.component.name = name
}
process.stdout.write(`${JSON.stringify(bill, null, 2)}\n`)
