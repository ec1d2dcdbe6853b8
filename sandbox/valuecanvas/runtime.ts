import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  ImagePullFailure,
  type ContainerRuntime,
  type ContainerSpec,
  type RunningContainer,
} from '../kubernetes/runtime.ts'
import { parseReference, unpullable, type PublishedImage } from './images.ts'

export interface ServiceRuntimeOptions {
  /** The bare repository of the service. */
  readonly repository: string
  /** Unpacked images are kept here. */
  readonly workDirectory: string
  /** What the registry offers; a function when the registry is filled later. */
  readonly images: readonly PublishedImage[] | (() => readonly PublishedImage[])
  /** How far the node's clock is wrong, for containers that start from now on. */
  readonly clockSkewMs?: () => number
}

const run = promisify(execFile)
/** The images' own packages: the service needs `pg`, which is installed here anyway. */
const packages = dirname(dirname(createRequire(import.meta.url).resolve('pg/package.json')))
const endsWithParent = fileURLToPath(new URL('./ends-with-parent.mjs', import.meta.url))
const wrongClock = fileURLToPath(new URL('./wrong-clock.mjs', import.meta.url))
const entrypoint = ['node', 'src/server.mjs']

/** Runs the sample service's images as processes of this machine: an image is the repository's tree at its tag. */
export function serviceRuntime(options: ServiceRuntimeOptions): ContainerRuntime {
  const root = resolve(options.workDirectory)
  const offered = (): readonly PublishedImage[] =>
    typeof options.images === 'function' ? options.images() : options.images
  /** Image tag to its tree. */
  const unpacked = new Map<string, string>()

  function find(image: string): { readonly published: PublishedImage; readonly imageID: string } | undefined {
    const { name, repository, tag, digest } = parseReference(image)
    const published = offered().find(
      (one) => one.repository === repository && (digest === undefined ? one.tag === tag : one.digest === digest),
    )
    return published && { published, imageID: `${name}@${published.digest}` }
  }

  return {
    async pull(image) {
      const found = find(image)
      if (!found || found.published.tag === unpullable) {
        const name = JSON.stringify(image)
        throw new ImagePullFailure(
          `failed to pull and unpack image ${name}: failed to resolve reference ${name}: ${image}: not found: manifest unknown`,
        )
      }
      const { tag } = found.published
      unpacked.set(tag, await unpack(options.repository, tag, root))
      return { imageID: found.imageID }
    },
    start(spec, onLog) {
      const tag = find(spec.image)?.published.tag ?? ''
      return startProcess(
        spec,
        unpacked.get(tag) ?? join(root, 'never-pulled'),
        onLog,
        Math.round(options.clockSkewMs?.() ?? 0),
      )
    },
  }
}

/** The tree of the tag's commit, unpacked once; another sandbox may do the same at the same moment. */
async function unpack(repository: string, tag: string, root: string): Promise<string> {
  const { stdout } = await run('git', [`--git-dir=${repository}`, 'rev-parse', `refs/tags/${tag}^{commit}`])
  const commit = stdout.trim()
  const tree = join(root, `${tag}-${commit.slice(0, 12)}`)
  if (await stat(tree).catch(() => undefined)) return tree
  const partial = `${tree}.${randomBytes(4).toString('hex')}.partial`
  await mkdir(partial, { recursive: true })
  const env = { ...process.env, GIT_DIR: repository, GIT_WORK_TREE: partial, GIT_INDEX_FILE: `${partial}.index` }
  await run('git', ['-c', 'core.hooksPath=/dev/null', 'checkout', '--force', commit, '--', '.'], { env, cwd: partial })
  await rm(`${partial}.index`, { force: true })
  await rename(partial, tree).catch(async (error: unknown) => {
    await rm(partial, { recursive: true, force: true })
    if (!(await stat(tree).catch(() => undefined))) throw error
  })
  return tree
}

function startProcess(
  spec: ContainerSpec,
  tree: string,
  onLog: (line: string) => void,
  skewMs: number,
): RunningContainer {
  const [program = '', ...args] = [...(spec.command.length > 0 ? spec.command : entrypoint), ...spec.args]
  const child = spawn(program === 'node' ? process.execPath : program, args, {
    cwd: tree,
    env: {
      PATH: process.env['PATH'],
      HOME: tree,
      HOSTNAME: spec.podName,
      HOST: '127.0.0.1',
      PORT: String(spec.port),
      NODE_PATH: packages,
      NODE_OPTIONS: `--import=${endsWithParent}${skewMs === 0 ? '' : ` --import=${wrongClock}`}`,
      ...(skewMs === 0 ? {} : { CLOCK_SKEW_MS: String(skewMs) }),
      ...spec.env,
    },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {})
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLog)
  const exited = new Promise<{ exitCode: number }>((settle) => {
    child.once('error', (error) => {
      onLog(`starting the container: ${error.message}`)
      settle({ exitCode: 128 })
    })
    child.once('close', (code, signal) => settle({ exitCode: code ?? 128 + (signal ? constants.signals[signal] : 0) }))
  })
  return { exited, stop: (graceMs) => stop(child, exited, graceMs) }
}

async function stop(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  const group = child.pid
  if (group !== undefined && child.exitCode === null && child.signalCode === null) {
    signalGroup(group, 'SIGTERM')
    const late = new AbortController()
    await Promise.race([exited, sleep(graceMs, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
  }
  if (group !== undefined) signalGroup(group, 'SIGKILL')
  await exited
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch {
    // Nobody left.
  }
}
