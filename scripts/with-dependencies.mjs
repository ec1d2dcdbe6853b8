// Runs what an npm script asks for, after making sure that everything it needs is there. Node's own modules only: it
// runs on a fresh clone, before anything is installed.
//
//   node scripts/with-dependencies.mjs sandbox/main.ts [args…]     a TypeScript or JavaScript file
//   node scripts/with-dependencies.mjs --bin vitest run [args…]    a program of node_modules/.bin
//   node scripts/with-dependencies.mjs --build dist/main.js        compiles src first when dist is older
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installWhatIsMissing } from './install.mjs'
import { missingTools } from './tools.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const inRoot = (...parts) => join(root, ...parts)

async function main([mode, ...rest]) {
  if (mode === undefined) return refuse('with-dependencies: name a file, or --bin NAME, or --build FILE')
  const missing = missingTools()
  if (missing.length > 0) return refuse(missing.join('\n'))

  const compiled = mode === '--build' && rest[0] !== undefined && !isStale(rest[0])
  // A compiled program needs no compiler, so an image without development packages is complete.
  await installWhatIsMissing(root, { development: !compiled })

  if (mode === '--bin') return run(inRoot('node_modules', '.bin', rest[0] ?? ''), rest.slice(1))
  if (mode === '--build') {
    if (!compiled) await run(process.execPath, [inRoot('scripts', 'build.mjs')], { thenExit: false })
    return run(process.execPath, ['--enable-source-maps', inRoot(rest[0] ?? ''), ...rest.slice(1)])
  }
  const file = inRoot(mode)
  return run(process.execPath, [
    ...(mode.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []),
    file,
    ...rest,
  ])
}

/** Whether a source is newer than what was compiled from it. */
function isStale(output) {
  if (!existsSync(inRoot('src'))) return false
  if (!existsSync(inRoot(output))) return true
  const built = statSync(inRoot(output)).mtimeMs
  const sources = readdirSync(inRoot('src'), { recursive: true, withFileTypes: true })
  return [
    inRoot('src'),
    inRoot('tsconfig.json'),
    inRoot('tsconfig.build.json'),
    ...sources.map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
  ].some((path) => statSync(path).mtimeMs > built)
}

/** Hands everything through: input and output, signals, and the way it ended. Goes on only after success. */
function run(program, args, { thenExit = true } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', cwd: root })
    // Ctrl-C in a terminal reaches the child by itself; sent to this process alone, it must be passed on.
    const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !terminal) child.kill(signal)
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    child.on('error', (error) => refuse(`with-dependencies: starting ${program}: ${error.message}`))
    child.on('exit', (code, signal) => {
      for (const each of signals) process.off(each, forward)
      if (signal !== null) process.kill(process.pid, signal)
      else if (code !== 0 || thenExit) process.exit(code ?? 1)
      else resolve()
    })
  })
}

function refuse(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

await main(process.argv.slice(2))
