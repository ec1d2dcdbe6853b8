import { randomUUID } from 'node:crypto'
import { RequestTaken } from '../model/errors.ts'
import { sha256 } from '../model/json.ts'
import type { Sql, StateDatabase } from './database.ts'

/** So long a request of Slack is remembered: twice as long as its signature is taken. */
const rememberedMinutes = 10
/** Each round of `hold` clears away so many that are older: more than people ask in the three seconds between two rounds. */
const clearedAtOnce = 2_000
/** A kept request that its process has not claimed again for so long is taken over by another. */
const heldSeconds = 10
const takenOverAtOnce = 20

/** A request that was acknowledged by a process that has ended before it was done. */
export interface InterruptedRequest {
  readonly id: string
  /** As it was kept. */
  readonly request: unknown
  readonly ageMs: number
  /** How many processes have taken it over, this one included. */
  readonly takenOver: number
}

/**
 * Which requests of Slack have been taken up, by any process; and those that were acknowledged and are not done yet, each held
 * by the process that carries it out.
 */
export class RequestStore {
  readonly #db: StateDatabase
  readonly #keeping: StateDatabase
  /** Not the name of the instance, which the next process has too. */
  readonly #holder = randomUUID()
  /** What this process carries out. Other rows that it holds are done, though the database was away when that was to be noted. */
  readonly #underWay = new Set<string>()

  /** `keeping` has connections that nothing else uses: what Slack waits for queues behind nothing. */
  constructor(db: StateDatabase, keeping: StateDatabase = db) {
    this.#db = db
    this.#keeping = keeping
  }

  /**
   * True for whoever takes a request up first. `keys` are what is the same when it comes again: its signature, its trigger, its
   * event. They are stored as hashes.
   */
  async first(keys: readonly string[]): Promise<boolean> {
    const hashes = hashesOf(keys)
    const { rowCount } = await this.#keeping.transaction((sql) => sql.query(taking, [hashes, rememberedMinutes]))
    return rowCount === hashes.length
  }

  /**
   * The same, and keeps the request until it is done. Returns its id; undefined when it was taken up before. Slack's acknowledgement waits
   * for it, so it is one statement. It stands in a transaction all the same: what a process was killed over does not come to stand later.
   */
  async keep(keys: readonly string[], request: object): Promise<string | undefined> {
    const id = randomUUID()
    this.#underWay.add(id)
    let isKept = false
    try {
      const hashes = hashesOf(keys)
      const { rowCount } = await this.#keeping.transaction((sql) =>
        sql.query(
          `with taken as (${taking} returning 1)
         insert into purser.kept_requests (id, request, holder, held_until)
         select $3, $4, $5, now() + make_interval(secs => $6) where (select count(*) from taken) = $7`,
          [
            hashes,
            rememberedMinutes,
            id,
            JSON.stringify(this.#db.mask(request)),
            this.#holder,
            heldSeconds,
            hashes.length,
          ],
        ),
      )
      isKept = rowCount > 0
      return isKept ? id : undefined
    } catch (error) {
      // Whoever asked is told that nothing was done: a row that came to stand all the same is removed by `hold`.
      isKept = false
      throw error
    } finally {
      if (!isKept) this.#underWay.delete(id)
    }
  }

  /** Never raises: while the database is away it is noted later, by `hold`. */
  async done(id: string): Promise<void> {
    this.#underWay.delete(id)
    await removed(this.#db, id).catch(() => undefined)
  }

  /** Holds what this process carries out for a while longer, notes what it has done, and clears away what need not be remembered. */
  async hold(): Promise<void> {
    const underWay = [...this.#underWay]
    await this.#db.query(
      'update purser.kept_requests set held_until = now() + make_interval(secs => $3) where holder = $1 and id = any($2)',
      [this.#holder, underWay, heldSeconds],
    )
    await this.#db.query('delete from purser.kept_requests where holder = $1 and not id = any($2)', [
      this.#holder,
      underWay,
    ])
    await this.#db.query(
      `delete from purser.requests where key in (
         select key from purser.requests where at < now() - make_interval(mins => $1) order by at limit $2 for update skip locked)`,
      [rememberedMinutes, clearedAtOnce],
    )
  }

  /** Lets another process, or this one later, take over what this one has not done: one request, or all. */
  async release(id?: string): Promise<void> {
    const released = id === undefined ? [...this.#underWay] : [id]
    for (const each of released) this.#underWay.delete(each)
    // It did not end this process, so it does not count as one that ends them.
    await this.#db.query(
      `update purser.kept_requests set holder = '', held_until = now(), taken_over = greatest(taken_over - 1, 0)
       where id = any($1) and holder = $2`,
      [released, this.#holder],
    )
  }

  /** Takes over what nobody holds any more, the oldest first. */
  async takeOver(): Promise<readonly InterruptedRequest[]> {
    const { rows } = await this.#db.query<{ id: string; request: unknown; age_ms: number; taken_over: number }>(
      `update purser.kept_requests set holder = $1, held_until = now() + make_interval(secs => $2), taken_over = taken_over + 1
       where id in (select id from purser.kept_requests where held_until <= now() order by at limit $3 for update skip locked)
       returning id, request, (extract(epoch from now() - at) * 1000)::float8 as age_ms, taken_over`,
      [this.#holder, heldSeconds, takenOverAtOnce],
    )
    for (const { id } of rows) this.#underWay.add(id)
    const interrupted = rows.map((row) => ({
      id: row.id,
      request: row.request,
      ageMs: row.age_ms,
      takenOver: row.taken_over,
    }))
    return interrupted.toSorted((a, b) => b.ageMs - a.ageMs)
  }
}

/**
 * Ends a kept request in the transaction that stores what came of it: from then on that is what another process goes on with. Raises
 * RequestTaken when it has ended already, as another process took it over and was faster: so nothing is done twice.
 */
export async function endRequest(sql: Sql, id: string): Promise<void> {
  if (!(await removed(sql, id))) throw new RequestTaken()
}

async function removed(sql: Sql, id: string): Promise<boolean> {
  const { rowCount } = await sql.query('delete from purser.kept_requests where id = $1', [id])
  return rowCount > 0
}

/** Two processes with the same keys take them in one order, so that they wait for each other and never in a circle. */
const hashesOf = (keys: readonly string[]) => [...new Set(keys.map(sha256))].toSorted()

const taking = `insert into purser.requests (key) select unnest($1::text[])
  on conflict (key) do update set at = now() where purser.requests.at < now() - make_interval(mins => $2)`
