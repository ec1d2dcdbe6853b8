import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Commits files over v1.2.0 and tags them in the service's bare repository, as a developer does. Returns the commit. */
export async function commitVersion(
  repository: string,
  tag: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const clone = await mkdtemp(join(tmpdir(), 'purser-version-'))
  // Git LFS, where it is installed for the whole machine, refuses pointers to what it does not have.
  const env = { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
  const git = async (...args: string[]) => {
    const person = ['-c', 'user.name=Robin Reyes', '-c', 'user.email=robin@valuecanvas.example']
    return (await run('git', [...person, '-C', clone, ...args], { env })).stdout.trim()
  }
  try {
    await run('git', ['clone', '--quiet', '--branch', 'v1.2.0', '--', repository, clone], { env })
    for (const [path, text] of Object.entries(files)) await writeFile(join(clone, path), text)
    const packageJson = join(clone, 'package.json')
    await writeFile(packageJson, (await readFile(packageJson, 'utf8')).replace('"1.2.0"', `"${tag.slice(1)}"`))
    await git('add', '--all')
    await git('commit', '--quiet', '-m', `Release ${tag}`)
    await git('tag', '--force', tag)
    await git('push', '--quiet', '--force', 'origin', `refs/tags/${tag}`)
    return await git('rev-parse', 'HEAD')
  } finally {
    await rm(clone, { recursive: true, force: true })
  }
}

/** Builds without a network: nothing below it, and the service's own files in it. */
export const dockerfileFromNothing = [
  'FROM scratch',
  'WORKDIR /app',
  'COPY package.json .',
  'COPY src src',
  'CMD ["node", "src/server.mjs"]',
  '',
].join('\n')
