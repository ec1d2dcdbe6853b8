import { sha256 } from '../model/json.ts'
import type { StateDatabase } from './database.ts'

/** So long a request of Slack is remembered: twice as long as its signature is taken. */
const rememberedMinutes = 10
/** Each request clears away so many that are older, so that the table holds little more than ten minutes. */
const clearedAtOnce = 50

/** Which requests of Slack have been taken up, by any process. */
export class RequestStore {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  /**
   * True for whoever takes a request up first. `keys` are what is the same when it comes again: its signature, its trigger, its
   * event. They are stored as hashes.
   */
  async first(keys: readonly string[]): Promise<boolean> {
    // In one order, so that two processes with the same keys wait for each other and never in a circle.
    const hashes = [...new Set(keys.map(sha256))].toSorted()
    return this.#db.transaction(async (sql) => {
      await sql.query(
        `delete from purser.requests where key in (
           select key from purser.requests where at < now() - make_interval(mins => $1) order by at limit $2 for update skip locked)`,
        [rememberedMinutes, clearedAtOnce],
      )
      const { rowCount } = await sql.query(
        `insert into purser.requests (key) select unnest($1::text[])
         on conflict (key) do update set at = now() where purser.requests.at < now() - make_interval(mins => $2)`,
        [hashes, rememberedMinutes],
      )
      return rowCount === hashes.length
    })
  }
}
