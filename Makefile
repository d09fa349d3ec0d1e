# What can be done in this checkout; `make` alone lists it. Needs Go and Python 3. Whatever else is needed is fetched,
# pinned, into .local/, which git ignores.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run sam-local deploy-local test simulate conformance receivers page check format vet staticcheck vulnerabilities template client build clean

LOCAL := .local

# The processor of the Lambda functions: arm64 or amd64. The template's parameter Architecture must say the same (arm64
# or x86_64).
LAMBDA_GOARCH ?= arm64

# No version control stamp and no build id: the same code gives the same file, whatever the commit.
LAMBDA_BUILD = CGO_ENABLED=0 GOOS=linux GOARCH=$(LAMBDA_GOARCH) \
	go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags "-s -w -buildid="

CFN_LINT_VERSION := 1.58.0
CFN_LINT := $(LOCAL)/cfn-lint-$(CFN_LINT_VERSION)

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not by `go run`: that one calls Ctrl-C a failure.
run: ## Run the product on this machine and play one KYC; ARGS="-port 8081" for another port
	@echo "starting; the first time, Go compiles for about a minute before anything else is shown"
	@go build -o $(LOCAL)/bin/local ./shared/cmd/local
	@exec $(LOCAL)/bin/local $(ARGS)

# Docker as root and without a daemon: the target starts one and ends it.
sam-local: ## Invoke each function with AWS's SAM CLI, in Docker, with the files of events/
	@go build -o $(LOCAL)/bin/sam ./shared/cmd/sam
	@exec $(LOCAL)/bin/sam local

deploy-local: ## Deploy with AWS's SAM CLI into the emulator, play one KYC, deploy again, delete
	@go build -o $(LOCAL)/bin/sam ./shared/cmd/sam
	@exec $(LOCAL)/bin/sam deploy

test: ## Run all tests: units, the store against the emulator, the whole stack end to end
	go test -timeout 10m ./...

simulate: ## Enumerate simulated executions, and say how many; DEVIATIONS=3 takes an hour, 2 is what `make test` does
	go test -count=1 -timeout 3h -v ./shared/simulation -run Executions?$$ -deviations=$(or $(DEVIATIONS),2)

# Needs a JDK and Maven too. These are the packages whose tests have a table; everything else of AWS stays the emulator's.
conformance: ## Run the tests that speak to the table on AWS's own DynamoDB engine
	@go build -o $(LOCAL)/bin/conformance ./shared/cmd/conformance
	@exec $(LOCAL)/bin/conformance ./functions/... \
		./shared/dynamostore ./shared/keyring ./shared/onboarding ./shared/outbox ./shared/simulation ./shared/verification

# Needs Node too. The marker is made last: an installation that was cut short counts for nothing.
receivers: $(LOCAL)/receivers/installed ## Run the receivers of shared/webhook/VERIFY.md, in Go, Python and TypeScript, against the sender
	cd $(LOCAL)/receivers && cp $(RECEIVERS)/*.ts . && npx --no-install tsc --strict --target es2022 --module commonjs --skipLibCheck *.ts
	go vet -tags receivers ./shared/webhook
	go test -count=1 -tags receivers ./shared/webhook -run 'TestReceivers$$'

RECEIVERS = ../../shared/webhook/testdata/receivers
$(LOCAL)/receivers/installed: shared/webhook/testdata/receivers/requirements.txt shared/webhook/testdata/receivers/package-lock.json
	rm -rf $(LOCAL)/receivers
	mkdir -p $(LOCAL)/receivers
	cd $(LOCAL)/receivers && cp $(RECEIVERS)/package*.json . && npm ci --silent --no-audit --no-fund
	python3 -m venv $(LOCAL)/receivers/venv
	$(LOCAL)/receivers/venv/bin/pip install --quiet --no-input --disable-pip-version-check --require-hashes -r shared/webhook/testdata/receivers/requirements.txt
	touch $@

# Needs Node, and Chromium by the name that Debian gives it or by CHROMIUM. SHOTS=folder keeps pictures of what is shown.
page: $(LOCAL)/browser/installed ## Walk the consumer's upload page with a browser, and check its accessibility
	go vet -tags browser ./functions/documents ./shared/e2e
	$(if $(SHOTS),mkdir -p "$(SHOTS)")
	PAGE_SHOTS="$(abspath $(SHOTS))" go test -count=1 -tags browser ./functions/documents -run 'TestPageInABrowser$$'
	PAGE_SHOTS="$(abspath $(SHOTS))" go test -count=1 -tags browser ./shared/e2e -run 'TestPageOfTheStack$$'

$(LOCAL)/browser/installed: functions/documents/testdata/browser/package-lock.json
	rm -rf $(LOCAL)/browser
	mkdir -p $(LOCAL)/browser
	cd $(LOCAL)/browser && cp ../../functions/documents/testdata/browser/package*.json . && npm ci --silent --no-audit --no-fund
	touch $@

check: format vet staticcheck vulnerabilities template client ## Run the static checks
	@echo "check: all well"

format: ## Find Go files that are not formatted
	@unformatted=$$(gofmt -l functions shared); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w): $$unformatted" >&2; exit 1; fi

vet: ## Run go vet
	go vet ./...

staticcheck: ## Run staticcheck
	go tool staticcheck ./...

# The version is told with the date of the vulnerability data if they can be reached, and without it if not.
vulnerabilities: ## Run govulncheck, where its data can be reached
	@if go tool govulncheck -version | grep -q '^DB updated:'; then \
		echo "go tool govulncheck ./..."; go tool govulncheck ./...; \
	else \
		echo "govulncheck: not run, its vulnerability data cannot be reached from here"; \
	fi

template: $(CFN_LINT)/installed ## Check template.yaml with cfn-lint
	$(CFN_LINT)/bin/cfn-lint template.yaml

# The marker is made last: an installation that was cut short counts for nothing.
$(CFN_LINT)/installed:
	rm -rf $(CFN_LINT)
	python3 -m venv $(CFN_LINT)
	$(CFN_LINT)/bin/python -m pip install --quiet --no-input --disable-pip-version-check cfn-lint==$(CFN_LINT_VERSION)
	touch $@

# A module of its own: what the generator needs is no business of the product's.
client: ## Generate a Go client from openapi.yaml and test it
	rm -rf $(LOCAL)/client
	mkdir -p $(LOCAL)
	cp -R shared/openapi/testdata/client $(LOCAL)/client
	cd $(LOCAL)/client && go tool oapi-codegen -config oapi-codegen.yaml ../../shared/openapi/openapi.yaml
	cd $(LOCAL)/client && go vet ./... && go test ./...

build: ## Build all functions for Lambda into .local/lambda
	mkdir -p $(LOCAL)/lambda
	$(LAMBDA_BUILD) -o $(LOCAL)/lambda/ ./functions/...

# What `sam build` calls for each function of the template, with the folder that it wants the program in: StartKycFunction
# is built from functions/start-kyc.
build-%Function:
	$(LAMBDA_BUILD) -o "$(ARTIFACTS_DIR)/bootstrap" \
		./functions/$(shell printf '%s' '$*' | sed -E 's/([a-z0-9])([A-Z])/\1-\2/g' | tr '[:upper:]' '[:lower:]')

clean: ## Remove what was built, and keep the tools
	rm -rf $(LOCAL)/bin $(LOCAL)/build $(LOCAL)/client $(LOCAL)/lambda .aws-sam
