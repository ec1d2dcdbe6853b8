import { join } from 'node:path'
import type { Logger } from 'pino'
import { bubblewrapRunner, sharedRunner } from '../adapters/runner/local.ts'
import type { Runner } from '../adapters/runner/port.ts'
import { runnerAt } from '../adapters/runner/socket.ts'
import { ConfigError } from '../config/config-error.ts'
import type { Settings } from '../config/environment/environment.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'

/** The parts of the settings that say where commands run. */
type RunnerSettings = Pick<Settings, 'runner' | 'dataDirectory' | 'backupDirectory' | 'secretFiles'>

/**
 * Chooses where commands of a version run: in the runner that PURSER_RUNNER names, else under bubblewrap where that works,
 * else as Purser's own user, which the log and every plan say. Raises ConfigError where `runner: required` is not met.
 */
export async function chooseRunner(
  config: Pick<PurserConfig, 'runner' | 'environments'>,
  settings: RunnerSettings,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<Runner> {
  const runner = await bestRunner(config, settings)
  const { kind, sentence } = runner.isolation
  if (kind !== 'none') {
    log.info(sentence)
    return runner
  }
  if (config.runner === 'required')
    throw new ConfigError(
      'purser.yaml',
      [`runner: is required, and there is none. ${sentence}`],
      'Put a runner beside Purser and name its socket in PURSER_RUNNER, or install bubblewrap (docs/runner.md). Or write runner: optional.',
    )
  log.warn(`${sentence} docs/runner.md says how to keep them apart`)
  return runner
}

async function bestRunner(
  { environments }: Pick<PurserConfig, 'environments'>,
  { runner, dataDirectory, backupDirectory, secretFiles }: RunnerSettings,
): Promise<Runner> {
  if (runner?.startsWith('/') === true) return runnerAt(runner)
  const backups = Object.values(environments).flatMap(({ backups: { location } }) => location ?? [])
  const secret = [dataDirectory, backupDirectory, ...backups, ...secretFiles]
  const options = { workspaces: join(dataDirectory, 'workspaces'), secret }
  if (runner === 'none') return sharedRunner(options, 'PURSER_RUNNER=none says so')
  const found = await bubblewrapRunner(options)
  if (!('why' in found)) return found
  if (runner === 'bubblewrap')
    throw new ConfigError(
      'the environment',
      [`PURSER_RUNNER: is bubblewrap, and ${found.why}`],
      'Install bubblewrap, allow unprivileged user namespaces, or unset it.',
    )
  return sharedRunner(options, found.why)
}
