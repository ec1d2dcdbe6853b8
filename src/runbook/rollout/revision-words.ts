import { clipped } from '../../outside-text/excerpt.ts'
import { commitIn, distinct, revisionVerdict, type Tagged } from '../../model/revision-label.ts'
import { oneLine } from '../../text.ts'

const longestLabel = 80

/** Says how what the image's label names differs from the commit of the tag, naming both; undefined when it is the same. */
export function revisionWords(version: string, tagged: Tagged, label: string | undefined): string | undefined {
  switch (revisionVerdict(label, tagged)) {
    case 'same':
      return undefined
    case 'unnamed':
      return `the image ${version} does not say which commit it was built from`
    case 'changed':
      return `the image ${version} was built from ${commitIn(label)?.digits.slice(0, 7)} with changes that are in no commit ("${shown(label)}")`
    case 'other': {
      const digits = commitIn(label)?.digits
      if (digits === undefined)
        return `the image ${version} says "${shown(label)}" where its commit should be, the tag is ${tagged.sha.slice(0, 7)}`
      const [built, wanted] = distinct(digits, tagged.sha)
      return `the image ${version} was built from ${built}, the tag is ${wanted}`
    }
  }
}

function shown(label = ''): string {
  return clipped(oneLine(label), longestLabel)
}
