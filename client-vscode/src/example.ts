/** A config to try things on, for those who have none at hand. */

import * as vscode from "vscode";

const EXAMPLE = `# Full fine-tuning of an 8 B model. Does it fit on your GPU?
base_model: meta-llama/Llama-3.1-8B

datasets:
  - path: tatsu-lab/alpaca
    type: alpaca
output_dir: ./outputs/llama-3.1-8b

sequence_len: 4096
sample_packing: true
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 1
optimizer: adamw_torch_fused
learning_rate: 2.0e-5
bf16: auto
attn_implementation: flash_attention_2
`;

export async function openExample(): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ content: EXAMPLE, language: "yaml" });
  await vscode.window.showTextDocument(document);
}
