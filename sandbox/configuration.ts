import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseDocument } from 'yaml'
import { usualAccountId } from './stripe/account.ts'
import { channels, onCallGroup, people } from './people.ts'

interface ConfigurationFacts {
  readonly repository: string
  readonly publicUrl: string
  /** Length of the monitor phase, seconds. */
  readonly monitorSeconds: number
  /** `service.image.build`, and with `envFrom` what its commands get of Purser's variables. */
  readonly imageBuild?: Readonly<Record<string, unknown>> | undefined
}

const committed = fileURLToPath(new URL('../purser.yaml', import.meta.url))

/** The committed purser.yaml with the sandbox's addresses, people and a short watch; nothing else differs. */
export async function writeConfiguration(path: string, facts: ConfigurationFacts): Promise<void> {
  const yaml = parseDocument(await readFile(committed, 'utf8'))
  const production = ['environments', 'production']
  yaml.deleteIn(['environments', 'staging'])
  // A laptop may have no bubblewrap; every plan says so then.
  yaml.setIn(['runner'], 'optional')
  yaml.setIn(['service', 'repository'], facts.repository)
  yaml.setIn(['service', 'monitor', 'minutes'], facts.monitorSeconds / 60)
  yaml.setIn(['service', 'monitor', 'everySeconds'], 2)
  if (facts.imageBuild !== undefined) {
    const { envFrom = {}, ...build } = facts.imageBuild
    yaml.setIn(['service', 'image', 'build'], build)
    yaml.setIn([...production, 'build'], { envFrom })
  }
  yaml.setIn([...production, 'stripe', 'mode'], 'test')
  yaml.setIn([...production, 'stripe', 'account'], usualAccountId)
  yaml.setIn([...production, 'webhookUrl'], `${facts.publicUrl}/api/billing/webhooks/stripe`)
  yaml.setIn([...production, 'healthUrl'], `${facts.publicUrl}/health`)
  yaml.setIn([...production, 'baseUrl'], facts.publicUrl)
  yaml.setIn([...production, 'policy', 'deployers'], [people.dana.id])
  yaml.setIn([...production, 'policy', 'approvers'], [people.alex.id, people.dana.id])
  // Dana asks and Alex is the only other approver: two approvals could never be had here.
  yaml.setIn([...production, 'policy', 'restoreApprovals'], 1)
  yaml.setIn([...production, 'policy', 'channels'], [channels.deploys.id])
  yaml.setIn([...production, 'contacts'], { onCall: onCallGroup.id })
  await writeFile(path, yaml.toString())
}
