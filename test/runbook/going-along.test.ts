import { describe, expect, it } from 'vitest'
import type { ContainerImage } from '../../src/adapters/kubernetes/deployments/port.ts'
import { containersBeside } from '../../src/runbook/rollout/going-along.ts'

const digest = `sha256:${'a'.repeat(64)}`
const container = (name: string, image: string): ContainerImage => ({ name, image, init: false })
const init = (name: string, image: string): ContainerImage => ({ name, image, init: true })

describe('the other containers of the service’s pods', () => {
  it.each<[string, readonly ContainerImage[], string | undefined, readonly string[], readonly string[]]>([
    ['there are none', [container('api', 'valuecanvas/api:v1.1.0')], undefined, [], []],
    [
      'an init container of the same image goes along',
      [container('api', 'valuecanvas/api:v1.1.0'), init('migrate', 'valuecanvas/api:v1.1.0')],
      undefined,
      ['migrate'],
      [],
    ],
    [
      'by whichever spelling',
      [container('api', 'valuecanvas/api:v1.1.0'), container('worker', 'docker.io/valuecanvas/api:v1.1.0')],
      undefined,
      ['worker'],
      [],
    ],
    [
      'by tag beside a digest, when the tag is the version that runs',
      [container('api', `valuecanvas/api@${digest}`), init('migrate', 'valuecanvas/api:v1.1.0')],
      'v1.1.0',
      ['migrate'],
      [],
    ],
    [
      'by tag beside a digest of another version it stays',
      [container('api', `valuecanvas/api@${digest}`), init('migrate', 'valuecanvas/api:v1.0.0')],
      'v1.1.0',
      [],
      ['migrate'],
    ],
    [
      'and so it does where nobody knows which version runs',
      [container('api', `valuecanvas/api@${digest}`), init('migrate', 'valuecanvas/api:v1.1.0')],
      undefined,
      [],
      ['migrate'],
    ],
    [
      'another image of the repository stays, whatever its tag means',
      [container('api', 'valuecanvas/api:v1.1.0'), container('proxy', 'valuecanvas/api:nginx-v1.1.0')],
      'v1.1.0',
      [],
      ['proxy'],
    ],
    [
      'what is of another repository is nobody’s business here',
      [container('api', 'valuecanvas/api:v1.1.0'), container('proxy', 'envoyproxy/envoy:v1.1.0')],
      'v1.1.0',
      [],
      [],
    ],
    [
      'an init container that has the name of the service’s is another one',
      [container('api', 'valuecanvas/api:v1.1.0'), init('api', 'valuecanvas/api:v1.0.0')],
      undefined,
      [],
      ['api'],
    ],
    ['nothing goes along with a container that is not there', [container('web', 'a/b:1')], undefined, [], []],
  ])('%s', (_, images, version, along, staying) => {
    const beside = containersBeside(images, 'api', version)
    expect(beside.along).toEqual(along)
    expect(beside.staying.map(({ name }) => name)).toEqual(staying)
  })
})
