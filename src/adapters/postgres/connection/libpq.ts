import type { Sensitive } from '../../../sensitive.ts'
import { BackupError } from '../errors.ts'

/** The parameters of the address and the variables by which libpq's programs take them. */
const parameters: Readonly<Record<string, string>> = {
  host: 'PGHOST',
  port: 'PGPORT',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  dbname: 'PGDATABASE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  options: 'PGOPTIONS',
}

/**
 * Turns a database address into environment for `pg_dump` and its kin: argv can be read by everybody on the machine.
 */
export function libpqEnvironment(url: Sensitive): Record<string, string> {
  const address = parse(url)
  const env: Record<string, string> = { PGCONNECT_TIMEOUT: '10', PGAPPNAME: 'purser' }
  const set = (name: string, value: string): void => {
    if (value !== '') env[name] = value
  }
  set('PGHOST', address.hostname.replace(/^\[(.*)\]$/, '$1'))
  set('PGPORT', address.port)
  set('PGUSER', decodeURIComponent(address.username))
  set('PGPASSWORD', decodeURIComponent(address.password))
  set('PGDATABASE', decodeURIComponent(address.pathname.slice(1)))
  for (const [name, value] of address.searchParams) {
    const variable = parameters[name]
    if (variable !== undefined) set(variable, value)
  }
  return env
}

function parse(url: Sensitive): URL {
  try {
    return new URL(url.reveal())
  } catch {
    throw new BackupError('database_address', 'reading the database address: it is not a postgresql:// address')
  }
}

/** Quotes a name for the tools, which take patterns: quoted, it means itself. */
export function patternOf(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Writes a database's name as `--dbname` takes it: a bare name with `=` in it would be read as a connection string. */
export function connectionName(database: string): string {
  return `dbname='${database.replaceAll(/['\\]/g, String.raw`\$&`)}'`
}
