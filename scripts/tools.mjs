// What the machine must bring along.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const oldestNode = [20, 18]

const tools = [
  { program: 'git', why: 'reads the service repository', apt: 'git', brew: 'git' },
  {
    program: 'pg_dump',
    why: 'backs the database up',
    apt: 'postgresql-client',
    brew: 'libpq && brew link --force libpq',
  },
  {
    program: 'pg_restore',
    why: 'verifies backups',
    apt: 'postgresql-client',
    brew: 'libpq && brew link --force libpq',
  },
]

/** One line for each missing thing, with the command that installs it. */
export function missingTools() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const oldNode = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
  return [
    ...(oldNode
      ? [
          `Node ${oldestNode.join('.')} or newer is needed, this is ${process.versions.node}. Install it: https://nodejs.org`,
        ]
      : []),
    ...tools
      .filter(({ program }) => !isOnPath(program))
      .map(({ program, why, apt, brew }) => {
        const command = process.platform === 'darwin' ? `brew install ${brew}` : `apt-get install ${apt}`
        return `${program} is missing (it ${why}). Install it: ${command}`
      }),
  ]
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
