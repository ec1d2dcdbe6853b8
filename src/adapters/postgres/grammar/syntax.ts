import { parse } from 'libpg-query'

/** Tells whether PostgreSQL's grammar, as libpg-query has it, reads a text. That of an older server may read a little less, or more. */
export async function isReadByTheGrammar(sql: string): Promise<boolean> {
  return parse(sql).then(
    () => true,
    () => sql.trim() === '',
  )
}
