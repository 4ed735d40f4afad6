import neostandard, { plugins } from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['dist', 'coverage', 'data'] }),
  {
    rules: {
      // `void` says that nobody waits for a promise on purpose; it says nothing inside an expression.
      'no-void': ['error', { allowAsStatement: true }],
      // Tests wait for what callbacks change, which the rule cannot see.
      'no-unmodified-loop-condition': 'off'
    }
  },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    rules: {
      // A promise that nobody awaits loses its error: say `void` where that is meant.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/consistent-type-imports': 'error'
    }
  }
]
