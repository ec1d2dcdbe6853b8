import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type ContainerRuntime,
  type ContainerSpec,
  ImagePullFailure,
  type RunningContainer,
} from '../kubernetes/runtime.ts'
import { type ImageContent, parseReference, type PublishedImage, unpullable } from './images.ts'

interface ServiceRuntimeOptions {
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

/**
 * Runs the sample service's images as processes of this machine: an image is the repository's tree at its tag, or what its
 * layers hold when somebody has built and pushed it.
 */
export function serviceRuntime(options: ServiceRuntimeOptions): ContainerRuntime {
  const root = resolve(options.workDirectory)
  const offered = (): readonly PublishedImage[] =>
    typeof options.images === 'function' ? options.images() : options.images
  /** Digest to the tree. */
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
      const { tag, digest, content } = found.published
      const tree = content === undefined ? checkout(options.repository, tag, root) : extract(content, digest, root)
      unpacked.set(digest, await tree)
      return { imageID: found.imageID }
    },
    start(spec, onLog) {
      const { digest = '', content } = find(spec.image)?.published ?? {}
      const tree = unpacked.get(digest) ?? join(root, 'never-pulled')
      const image = { directory: join(tree, content?.workingDirectory ?? '.'), command: content?.command ?? entrypoint }
      return startProcess(spec, image, onLog, Math.round(options.clockSkewMs?.() ?? 0))
    },
  }
}

/** The tree of the tag's commit. */
async function checkout(repository: string, tag: string, root: string): Promise<string> {
  const { stdout } = await run('git', [`--git-dir=${repository}`, 'rev-parse', `refs/tags/${tag}^{commit}`])
  const commit = stdout.trim()
  return once(join(root, `${tag}-${commit.slice(0, 12)}`), async (partial) => {
    const env = { ...process.env, GIT_DIR: repository, GIT_WORK_TREE: partial, GIT_INDEX_FILE: `${partial}.index` }
    const args = ['-c', 'core.hooksPath=/dev/null', 'checkout', '--force', commit, '--', '.']
    await run('git', args, { env, cwd: partial })
    await rm(`${partial}.index`, { force: true })
  })
}

/** The layers of a pushed image, one over the other. */
async function extract({ layers }: ImageContent, digest: string, root: string): Promise<string> {
  return once(join(root, digest.replace(':', '-').slice(0, 24)), async (partial) => {
    for (const [index, layer] of layers.entries()) {
      const archive = `${partial}.${index}.tar`
      await writeFile(archive, layer)
      await run('tar', ['--extract', '--no-same-owner', `--file=${archive}`, `--directory=${partial}`])
      await rm(archive)
    }
  })
}

/** Filled aside and moved into place; another sandbox may do the same at the same moment. */
async function once(tree: string, fill: (partial: string) => Promise<void>): Promise<string> {
  if (await stat(tree).catch(() => undefined)) return tree
  const partial = `${tree}.${randomBytes(4).toString('hex')}.partial`
  await mkdir(partial, { recursive: true })
  await fill(partial)
  await rename(partial, tree).catch(async (error: unknown) => {
    await rm(partial, { recursive: true, force: true })
    if (!(await stat(tree).catch(() => undefined))) throw error
  })
  return tree
}

interface Unpacked {
  readonly directory: string
  readonly command: readonly string[]
}

function startProcess(
  spec: ContainerSpec,
  image: Unpacked,
  onLog: (line: string) => void,
  skewMs: number,
): RunningContainer {
  const [program = '', ...args] = [...(spec.command.length > 0 ? spec.command : image.command), ...spec.args]
  const child = spawn(program === 'node' ? process.execPath : program, args, {
    cwd: image.directory,
    env: {
      PATH: process.env['PATH'],
      HOME: image.directory,
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
