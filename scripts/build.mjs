// Compiles src into dist, from nothing, so that no file of yesterday survives.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
process.stderr.write('Compiling src\n')
rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
// A half-compiled dist would look fresh to the next start.
if (status !== 0) rmSync(join(root, 'dist'), { recursive: true, force: true })
process.exit(status ?? 1)
