import type { ThreadPost } from '../model/post.ts'
import type { Sql } from './database.ts'

/**
 * Stores a post, which must be masked already. With a key it is stored once for the run. A quiet one waits for nothing: it is
 * never sent.
 */
export async function insertPost(sql: Sql, run: number, post: ThreadPost, key?: string): Promise<void> {
  await sql.query(
    `insert into purser.posts (run, key, post, posted_at) values ($1, $2, $3, case when $4 then now() end)
     on conflict (run, key) do nothing`,
    [run, key ?? null, JSON.stringify(post), post.kind === 'output' && post.quiet === true],
  )
}
