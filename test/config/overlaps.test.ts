import { expect, it } from 'vitest'
import { overlapsOf, sharingWith } from '../../src/config/environment/overlaps.ts'

const values: Readonly<Record<string, string>> = {
  LIVE: 'postgres://app:one@db.example/billing',
  LIVE_AGAIN: 'postgresql://reader:two@DB.example:5432/billing?sslmode=require',
  OTHER: 'postgres://app:one@db.example/other',
}
const environment = (databaseUrlEnv: string, namespace: string, webhookUrl: string, clusterContext?: string) => ({
  databaseUrlEnv,
  namespace,
  webhookUrl,
  ...(clusterContext === undefined ? {} : { clusterContext }),
})
const at = (name: string) => values[name]

it('sees that two environments touch the same database, Deployment or webhook, however they are written', () => {
  const environments = {
    production: environment('LIVE', 'production', 'https://api.example/webhook'),
    blue: environment('LIVE_AGAIN', 'blue', 'https://blue.example/webhook'),
    green: environment('OTHER', 'production', 'https://green.example/webhook'),
    red: environment('NOT_SET', 'red', 'https://user:secret@API.example:443/webhook'),
    far: environment('ALSO_NOT_SET', 'production', 'https://far.example/webhook', 'another'),
  }
  const overlaps = overlapsOf(environments, at)
  expect(overlaps).toEqual([
    { environments: ['production', 'blue'], what: 'the database of LIVE and LIVE_AGAIN' },
    { environments: ['production', 'green'], what: 'the namespace production of one cluster' },
    { environments: ['production', 'red'], what: 'the webhook URL' },
  ])
  expect(sharingWith('blue', overlaps)).toEqual(['blue', 'production', 'green', 'red'])
  expect(sharingWith('far', overlaps)).toEqual(['far'])
})

it('sees nothing in environments that are apart', () => {
  const environments = {
    production: environment('LIVE', 'production', 'https://api.example/webhook'),
    staging: environment('OTHER', 'staging', 'https://staging.example/webhook'),
  }
  expect(overlapsOf(environments, at)).toEqual([])
})
