import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readSettings } from '../../src/config/environment/environment.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { maskDeep, storedStructure } from '../../src/outside-text/mask-deep.ts'
import { maskOf } from '../../src/outside-text/mask.ts'
import { learnSecrets, wordsOf } from '../../src/start/secrets.ts'

const config = parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml')

const strong = {
  STATE_DATABASE_URL: 'postgres://purser:k3-Zq81-vTm0@127.0.0.1:5432/purser',
  SLACK_BOT_TOKEN: 'xoxb-1234-abcdefghijkl',
  SLACK_APP_TOKEN: 'xapp-1234-abcdefghijkl',
  PRODUCTION_DATABASE_URL: 'postgres://app:Rr8-xPq2-Lm4a@db/billing',
  STAGING_DATABASE_URL: 'postgres://app:Yt5-wBn7-Kc9d@db/billing',
  STRIPE_SECRET_KEY: 'sk_live_123456789',
  STAGING_STRIPE_SECRET_KEY: 'sk_test_123456789',
}

describe('the secrets of a start', () => {
  it('of which each can be masked are not talked about', () => {
    expect(learnSecrets(readSettings(strong, config), config)).toEqual([])
  })

  it('that cannot be masked well are named, each by its variable, and none is told', () => {
    const said = learnSecrets(
      readSettings(
        {
          ...strong,
          STATE_DATABASE_URL: 'postgres://purser:abc@127.0.0.1:5432/purser',
          PRODUCTION_DATABASE_URL: 'postgres://app:production@db/billing',
          STAGING_DATABASE_URL: 'postgres://app:swordfish@db/billing',
        },
        config,
      ),
      config,
    )
    expect(said).toEqual([
      "the secret of STATE_DATABASE_URL has fewer than 6 characters: it isn't masked on its own",
      'the secret of PRODUCTION_DATABASE_URL is a word of the configuration: that word is masked wherever people read it',
      'the secret of STAGING_DATABASE_URL is a plain word: that word is masked wherever people read it',
    ])
  })

  it('are known to the mask of this process, and rename nothing that purser.yaml names', () => {
    learnSecrets(
      readSettings({ ...strong, PRODUCTION_DATABASE_URL: 'postgres://app:valuecanvas-api@db/billing' }, config),
      config,
    )
    const stored = { names: ['valuecanvas-api'], text: 'the service valuecanvas-api, Rr8-xPq2' }
    expect(maskDeep(stored, maskOf(), storedStructure, new Set(wordsOf(config)))).toEqual({
      names: ['valuecanvas-api'],
      text: 'the service [masked], [masked]',
    })
  })
})
