// `--import` this to run TypeScript from its source. As ts-blank-space/register, but for what typescript-hooks.js
// remembers. Plain JavaScript, so that Node runs it by itself.
import { register } from 'node:module'

register('./typescript-hooks.js', import.meta.url)
