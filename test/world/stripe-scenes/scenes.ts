import { causes } from './causes.ts'
import { deadEnds } from './dead-ends.ts'
import { missedBefore } from './missed-before.ts'
import { noEventLost } from './no-event-lost.ts'
import { othersTrouble } from './others-trouble.ts'
import { ourTrouble } from './our-trouble.ts'
import type { Scene } from './scene.ts'

export const scenes: readonly Scene[] = [
  ...noEventLost,
  ...missedBefore,
  ...othersTrouble,
  ...ourTrouble,
  ...causes,
  ...deadEnds,
]
