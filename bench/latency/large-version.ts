import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { World } from '../../sandbox/world.ts'

/** A version of the sample service with one migration of so many bytes more than v1.2.0 has; its image is in the registry. */
export async function addVersion({ directory, registry }: World, tag: string, bytes: number): Promise<void> {
  const repository = join(directory, 'repository.git')
  const who = 'Dana <dana@example.com> 1767225600 +0000'
  const sql = rows(bytes)
  const text = `Release ${tag}`
  const stream = [
    `commit refs/heads/large\nmark :1\ncommitter ${who}\ndata ${text.length}\n${text}\nfrom refs/tags/v1.2.0^{commit}\n`,
    `M 100644 inline supabase/migrations/20260301090000_many_rows.sql\ndata ${sql.length}\n${sql}\n`,
    `\ntag ${tag}\nfrom :1\ntagger ${who}\ndata ${text.length}\n${text}\n`,
  ]
  await git(repository, ['fast-import', '--quiet'], stream.join(''))
  const commit = (await git(repository, ['rev-parse', `${tag}^{commit}`])).trim()
  registry.push({ repository: 'valuecanvas/api', tag, revision: commit })
}

function rows(bytes: number): string {
  const lines: string[] = []
  for (let length = 0, n = 1; length < bytes; n += 1) {
    const line = `INSERT INTO webhook_events (event_id, type, payload) VALUES ('evt_many_${n}', 'invoice.paid', '{"amount": ${n}, "note": "a note"}');\n`
    lines.push(line)
    length += line.length
  }
  return lines.join('')
}

async function git(repository: string, args: readonly string[], input?: string): Promise<string> {
  const stdin = input === undefined ? 'ignore' : 'pipe'
  const child = spawn('git', ['--git-dir', repository, ...args], { stdio: [stdin, 'pipe', 'inherit'] })
  const printed: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => printed.push(chunk))
  child.stdin?.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`git ${args[0]} exited with ${String(code)}`)
  return Buffer.concat(printed).toString()
}
