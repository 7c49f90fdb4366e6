;;; What Emacs' eglot sees of the server, in batch mode. Written for Emacs 28 with eglot 1.9, Debian 12's.
;;   RECIPE    the file with the recipe for ~/.emacs.d/init.el, from docs/editors/emacs.md
;;   CONFIG    the config to open; it must not fit
;;   EXPECTED  JSON list of {code, line, character} as `vramlint check' reports them
;; Leaves with 0 when all holds, else with 1 and a word on stderr.
(require 'json)
(require 'cl-lib)
(setq eglot-sync-connect 20)
(load (getenv "RECIPE") nil t)
(defun earlier (one other)
  (or (< (car one) (car other)) (and (= (car one) (car other)) (< (cadr one) (cadr other)))))
(defun wait-until (what condition)
  (let ((end (+ (float-time) 30)))
    (while (not (funcall condition))
      (when (> (float-time) end) (error "timed out: %s" what))
      (accept-process-output nil 0.05))))
(condition-case problem
    (progn
      (find-file (getenv "CONFIG"))
      (run-hooks 'post-command-hook) ; where eglot-ensure waits for the command to end
      (unless (eglot-managed-p) (error "eglot did not start in %s" major-mode))
      (flymake-start)
      (wait-until "diagnostics" #'flymake-diagnostics)
      (let* ((seen (cl-loop for each in (flymake-diagnostics)
                            collect (save-excursion
                                      (goto-char (flymake-diagnostic-beg each))
                                      (list (1- (line-number-at-pos)) (current-column)))))
             (expected (cl-loop for each across (json-read-from-string (getenv "EXPECTED"))
                                collect (list (alist-get 'line each) (alist-get 'character each)))))
        (unless (equal (sort seen #'earlier<) (sort expected #'earlier<))
          (error "saw %S, expected %S" seen expected)))
      (goto-char (flymake-diagnostic-beg
                  (cl-find-if (lambda (each) (string-match-p "VL101" (flymake-diagnostic-text each)))
                              (flymake-diagnostics))))
      (let* ((server (eglot-current-server))
             (hover (jsonrpc-request server :textDocument/hover (eglot--TextDocumentPositionParams)))
             (text (plist-get (plist-get hover :contents) :value)))
        (unless (string-match-p "GiB" text) (error "no size in the hover: %s" text))
        (let* ((range (list :start (eglot--pos-to-lsp-position) :end (eglot--pos-to-lsp-position)))
               (actions (jsonrpc-request server :textDocument/codeAction
                                         (list :textDocument (eglot--TextDocumentIdentifier) :range range
                                               :context (list :diagnostics []))))
               (fix (cl-find-if (lambda (each) (string-match-p "GiB, fits" (plist-get each :title))) actions)))
          (unless fix (error "no fix among %S" actions))
          (eglot--apply-workspace-edit (plist-get fix :edit))
          (eglot--signal-textDocument/didChange) ; else sent when Emacs is idle, which it never is here
          (wait-until "a list without the error"
                      (lambda () (flymake-start)
                        (not (cl-some (lambda (each) (string-match-p "VL101" (flymake-diagnostic-text each)))
                                      (flymake-diagnostics)))))))
      (message "eglot: diagnostics, hover and a fix")
      (kill-emacs 0))
  (error (message "%s" (error-message-string problem)) (kill-emacs 1)))
