import type { BuildOptions } from 'esbuild'

export declare const browser: BuildOptions
