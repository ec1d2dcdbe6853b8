import { join } from 'node:path'
import type { Repository } from '../adapters/git/port.ts'
import { openRepository } from '../adapters/git/repository.ts'
import { secretOf, type Settings } from '../config/environment/environment.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'

/** Opens the service's repository with its login, if it has one; its mirror is in the data directory. Nothing is fetched. */
export function serviceRepository({ service }: PurserConfig, settings: Settings): Repository {
  const { repository: url, repositoryTokenEnv, repositoryUser, git: fetched } = service
  const login =
    repositoryTokenEnv === undefined
      ? {}
      : { login: { user: repositoryUser, token: secretOf(settings, repositoryTokenEnv) } }
  return openRepository({ url, ...login, mirrorDirectory: join(settings.dataDirectory, 'mirror.git'), fetched })
}
