import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = fileURLToPath(new URL('page/', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/purser-page/', import.meta.url))
const program = join(sources, 'build.mjs')
/** What the built page depends on besides its own folder. */
const besides = ['dates.ts', 'elements.ts', 'emoji.json', '../../package-lock.json'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
)
const buildLimitMs = 120_000
const keptMs = 60 * 60 * 1000

interface PageFile {
  readonly type: string
  readonly content: Buffer
}

/** The files of the page by path, `index.html` among them. */
type PageFiles = ReadonlyMap<string, PageFile>

let files: Promise<PageFiles> | undefined

/**
 * The page, built by Vite when somebody first asks for it and kept for as long as its sources stay the same. The build
 * runs in a process of its own: here it would hold up the acknowledgements that the app waits for.
 * Raises Error with Vite's output when the page cannot be built.
 */
export function pageFiles(): Promise<PageFiles> {
  files ??= load().catch((error: unknown) => {
    files = undefined
    throw error
  })
  return files
}

async function load(): Promise<PageFiles> {
  const directory = join(cache, await fingerprint())
  if (!(await exists(join(directory, 'index.html')))) await build(directory)
  const entries = await filesIn(directory)
  return new Map(
    await Promise.all(
      entries.map(async (path): Promise<[string, PageFile]> => {
        const type = types[extname(path)] ?? 'application/octet-stream'
        return [relative(directory, path), { type, content: await readFile(path) }]
      }),
    ),
  )
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256')
  for (const path of [...(await filesIn(sources)), ...besides]) {
    hash.update(relative(sources, path)).update('\0')
    if (await exists(path)) hash.update(await readFile(path))
    hash.update('\0')
  }
  return hash.digest('hex').slice(0, 20)
}

/** Several processes may build at once: each builds aside, and the first to finish is kept. */
async function build(directory: string): Promise<void> {
  const aside = `${directory}.${randomBytes(4).toString('hex')}`
  await mkdir(cache, { recursive: true })
  try {
    await runVite(aside)
    await rename(aside, directory).catch(async (error: unknown) => {
      if (!(await exists(join(directory, 'index.html')))) throw error
    })
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  await forgetOld(directory)
}

function runVite(outDirectory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, outDirectory], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: buildLimitMs,
      env: { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' },
    })
    const output: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`building the page failed:\n${Buffer.concat(output).toString('utf8')}`))
    })
  })
}

async function forgetOld(current: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name)
    const old = await stat(path).catch(() => undefined)
    if (path === current || old === undefined || Date.now() - old.mtimeMs < keptMs) continue
    await rm(path, { recursive: true, force: true })
  }
}

async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
