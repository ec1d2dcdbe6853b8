import type { Played } from './player.ts'
import type { Said, Scene } from './scene.ts'

/** Lists what differs from the table; each line names what was expected and what was there. */
export function misses(scene: Scene, played: Played): readonly string[] {
  const { plan, deploy, verify, diagnose } = played
  return [
    ...missing('plan', scene.plan, plan?.text),
    ...missing('deploy', scene.deploy, deploy?.text),
    ...missing('verify', scene.verify, verify?.text),
    // What was watched stands on the board of the deploy, once it came to that.
    ...missing(
      'monitor',
      scene.monitor,
      deploy?.text.includes('Undelivered events:') === true ? deploy.text : undefined,
    ),
    ...missing('diagnose', scene.diagnose, diagnose?.text),
    ...eventsLost(scene, played),
  ]
}

function missing(act: string, expected: Said, text: string | undefined): readonly string[] {
  if ('notReached' in expected) return text === undefined ? [] : [`${act}: it came to that`]
  if (text === undefined) return [`${act}: it did not come to that`]
  return [
    ...expected.says.filter((words) => !patternOf(words).test(text)).map((words) => `${act} does not say: ${words}`),
    ...(expected.never ?? []).filter((words) => patternOf(words).test(text)).map((words) => `${act} says: ${words}`),
  ]
}

function patternOf(words: string): RegExp {
  const exact = words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(exact.replaceAll('…', '[^\\n]*?').replaceAll('#', '\\d+'), 'i')
}

/** Each event is in the table exactly once, or Purser has said that it is not. */
function eventsLost({ events }: Scene, { made, processed, ...said }: Played): readonly string[] {
  const lacking = made.filter((id) => !processed.includes(id))
  const twice = made.filter((id) => processed.filter((one) => one === id).length > 1)
  const text = Object.values(said)
    .map((run) => run?.text ?? '')
    .join('\n')
  const isTold = (id: string) => (events.told === undefined ? text.includes(id) : patternOf(events.told).test(text))
  return [
    ...(events.made === 'traffic' || made.length === events.made ? [] : [`${made.length} events were made`]),
    ...(events.made === 'traffic' && made.length < 10 ? [`only ${made.length} events came by`] : []),
    ...(lacking.length === events.missing ? [] : [`${lacking.length} of ${made.length} events are not in the table`]),
    ...twice.map((id) => `${id} is in the table more than once`),
    ...lacking.filter((id) => !isTold(id)).map((id) => `${id} is lost in silence`),
  ]
}
