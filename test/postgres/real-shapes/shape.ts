/** One kind of migration as projects have it, and what becomes of it. */
export interface Shape {
  readonly name: string
  /** What the database holds before. */
  readonly before?: string
  /** What is left on the server afterwards, beside the database. */
  readonly after?: string
  /** One file, or several with their names in the directory, applied in the order of their numbers. */
  readonly files: string | Buffer | readonly (readonly [name: string, sql: string])[]
  readonly outcome: Outcome
  /** Written for one transaction, which psql makes of a file with `--single-transaction`: the referee is asked so. */
  readonly oneTransaction?: true
  /** The oldest server that knows it. */
  readonly since?: number
}

/**
 * `applied`: psql succeeds, and the databases are alike. `fails`: both fail with this SQLSTATE. `refused`: the plan says why. `named`: it
 * is applied without a file that the plan names.
 */
export type Outcome = 'applied' | { readonly fails: string } | { readonly refused: string } | { readonly named: string }

export const table = (name: string): string => `create table ${name} (id bigint primary key, note text);`
