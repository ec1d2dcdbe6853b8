import { breakages } from './breakages/breakages.ts'
import { channels, people } from './people.ts'
import type { Failure, Tour } from './slack/page-state.ts'

/** Versions of the sample service that go wrong, and how. `valuecanvas/versions` and `valuecanvas/images.ts` make them. */
export const brokenVersions: readonly { readonly version: string; readonly about: string }[] = [
  { version: 'v1.3.0-badimage', about: 'its image cannot be pulled' },
  { version: 'v1.3.0-crash', about: 'its pods crash when they start' },
  { version: 'v1.3.0-badmigration', about: 'one of its migrations has an SQL error' },
  { version: 'v1.3.0-e2efail', about: 'an end-to-end test fails' },
  { version: 'v1.3.0-noisy', about: 'it logs errors, which monitoring finds' },
  { version: 'v1.4.0-dropscolumn', about: 'it drops a column, so that no rollback is possible' },
]

const versionFailures = brokenVersions.map(({ version, about }): Failure => ({
  name: version,
  about,
  command: `deploy ${version}`,
}))
const worldFailures = Object.entries(breakages).map(([name, { about, diagnosis }]): Failure => ({
  name,
  about,
  command: diagnosis,
  breaks: true,
}))

/** What the page offers to whoever opens the sandbox for the first time. */
export const tour: Tour = {
  channel: channels.deploys.id,
  steps: [
    { label: 'Deploy v1.2.0', as: people.dana.id, types: 'deploy v1.2.0' },
    { label: 'Become Alex', as: people.alex.id },
    { label: 'Approve', as: people.alex.id, presses: 'approve' },
  ],
  failures: [
    { title: 'Deploy a broken version', failures: versionFailures },
    { title: 'Break the world, then let Purser find out', failures: worldFailures },
  ],
}
